#include "sim/site.h"

#include <algorithm>

#include "base/check.h"
#include "model/entities.h"
#include "store/keys.h"

namespace tandem::sim {

using ports::Letter;
using ports::RoleKind;

namespace {

constexpr uint16_t kSipPort = 5060;
constexpr Duration kHttpPatience = 15s;
constexpr Duration kRedialLeast = 5ms;
constexpr Duration kRedialMost = 200ms;

using roles::store_role::PlannedRole;

bool is_active_passive(model::RoleCode role) {
    return role == model::RoleCode::Sr || role == model::RoleCode::Mgc ||
           role == model::RoleCode::Cs;
}

NodeClock clock_of(World& world, uint16_t number, double drift_max) {
    NodeClock clock;
    clock.mono_offset = std::chrono::seconds(world.rng().below(1'000'000));
    clock.utc_offset_ms = static_cast<int64_t>(world.rng().below(100)) - 50;
    clock.drift = number == 1 ? 0 : (world.chance() * 2 - 1) * drift_max;
    return clock;
}

std::string_view first_line(std::string_view bytes) {
    return bytes.substr(0, bytes.find("\r\n"));
}

std::string_view header_of(std::string_view bytes, std::string_view name) {
    const std::string wanted = "\r\n" + std::string(name) + ": ";
    const size_t at = bytes.find(wanted);
    if (at == bytes.npos) return {};
    return first_line(bytes.substr(at + wanted.size()));
}

}  // namespace

Site::Site(World& world, const SitePlan& plan, MakeNodeParts make_parts)
    : world_(world),
      make_parts_(std::move(make_parts)),
      tokens_({11, 22}),
      store_(world),
      network_(world, *this) {
    write_layers(plan);
    roles_ = first_start(plan).roles;
    uint16_t last = 1;
    for (const auto& role : roles_) {
        last = std::max(last, static_cast<uint16_t>(role.node));
    }
    for (uint16_t number = 1; number <= last; ++number) {
        nodes_.push_back(std::make_unique<SiteNode>(world_, *this, number,
                                                    clock_of(world_, number, plan.drift_max)));
    }
    for (uint16_t a = 1; a <= last; ++a) {
        for (uint16_t b = a + 1; b <= last; ++b) links_.push_back({a, b});
    }
}

SocketAddress Site::sip_address() const {
    return {address(), kSipPort};
}

IpAddress Site::address() const {
    return *IpAddress::parse(kSiteAddress);
}

// ---- life of nodes

void Site::start() {
    for (const auto& node : nodes_) start_node(node->number());
}

void Site::start_node(uint16_t number) {
    SiteNode& started = node(number);
    if (started.is_up()) return;
    started.start(tokens_, make_parts_(), make_parts_());
    if (number == 1) store_.start([this](Letter letter) { node(1).receive(std::move(letter)); });
    connect_links(number);
}

bool Site::is_serving() const {
    return std::ranges::all_of(nodes_, [](const auto& node) { return node->is_serving(); });
}

uint16_t Site::node_of(RoleKind kind) const {
    for (const auto& node : nodes_) {
        if (node->instance_of(kind)) return node->number();
    }
    return 0;
}

bool Site::has_copy(uint16_t number) const {
    const auto own = std::ranges::find(roles_, int{number}, &PlannedRole::node);
    if (own == roles_.end() || !is_active_passive(own->role)) return false;
    return std::ranges::any_of(roles_, [&](const PlannedRole& other) {
        if (other.node == own->node || other.role != own->role || other.group != own->group)
            return false;
        const SiteNode& heir = *nodes_.at(static_cast<size_t>(other.node) - 1);
        return heir.is_serving() && !heir.is_paused();
    });
}

void Site::crash(uint16_t number) {
    SiteNode& dead = node(number);
    if (!dead.is_up()) return;
    world_.mix("crash", std::to_string(number));
    world_.trace("*** node " + std::to_string(number) + " dies");
    if (dead.listener(ports::Transport::Tcp) != nullptr) {
        network_.close_all_by_site();
        streams_.clear();
    }
    dead.crash();
    if (number == 1) store_.crash();
    std::erase_if(ports_by_address_, [&](const auto& each) { return each.second.node == number; });
    std::erase_if(addresses_by_port_, [&](const auto& each) { return each.first.node == number; });
    for (Link& each : links_) {
        if (each.a != number && each.b != number) continue;
        each.knows(number) = false;
        break_link(each, world_.between(50us, 2ms));
    }
}

void Site::restart(uint16_t number) {
    world_.mix("start", std::to_string(number));
    world_.trace("*** node " + std::to_string(number) + " starts");
    start_node(number);
}

void Site::node_pause(uint16_t number, Duration time) {
    world_.mix("pause", std::to_string(number));
    world_.trace("*** node " + std::to_string(number) + " stops for " +
                 std::to_string(time.count() / 1'000'000) + " ms");
    node(number).pause(time);
}

// ---- links

Site::Link* Site::link(uint16_t a, uint16_t b) {
    for (Link& each : links_) {
        if (each.a == std::min(a, b) && each.b == std::max(a, b)) return &each;
    }
    return nullptr;
}

void Site::connect_links(uint16_t number) {
    for (Link& each : links_) {
        if (each.a != number && each.b != number) continue;
        try_link(each.a, each.b, world_.between(1ms, 20ms));
    }
}

void Site::try_link(uint16_t a, uint16_t b, Duration delay) {
    Link& tried = *link(a, b);
    if (tried.trying || tried.up) return;
    tried.trying = true;
    world_.after(delay, [this, a, b] {
        Link& again = *link(a, b);
        again.trying = false;
        if (again.up || !node(a).is_up() || !node(b).is_up()) return;
        if (again.cut_until > world_.time()) {
            return try_link(
                a, b, again.cut_until - world_.time() + world_.between(kRedialLeast, kRedialMost));
        }
        open_link(again);
    });
}

void Site::open_link(Link& opened) {
    opened.up = true;
    ++opened.generation;
    for (const uint16_t to : {opened.a, opened.b}) {
        opened.free_to(to) = world_.time();
        std::string frame;
        CHECK(wire::append_hello(frame, node(opened.other(to)).hello()).has_value());
        carry(opened, to, std::move(frame));
    }
}

// Frames keep their order; what is on its way when the link breaks is lost.
void Site::carry(Link& over, uint16_t to, std::string frame) {
    Instant& free = over.free_to(to);
    free = std::max(free, world_.time() + world_.between(10us, 400us));
    world_.at(free, [this, from = over.other(to), to, generation = over.generation,
                     frame = std::move(frame)] {
        Link& now = *link(from, to);
        if (now.generation == generation && now.up) on_link_frame(from, to, frame);
    });
}

void Site::on_link_frame(uint16_t from, uint16_t to, const std::string& frame) {
    SiteNode& receiver = node(to);
    if (!receiver.is_up()) return;
    if (receiver.is_paused()) {  // its kernel keeps what comes, in order
        world_.at(receiver.paused_until(),
                  [this, from, to, generation = link(from, to)->generation, frame] {
                      Link& now = *link(from, to);
                      if (now.generation == generation && now.up) on_link_frame(from, to, frame);
                  });
        return;
    }
    world_.mix("link", frame);
    auto decoded = wire::decode(std::string_view(frame).substr(4));
    if (!decoded.has_value()) return world_.fail("a frame of ours: " + decoded.error().message);
    if (auto* letter = std::get_if<Letter>(&*decoded)) {
        return receiver.on_link_letter(from, std::move(*letter));
    }
    if (const auto* hello = std::get_if<wire::Hello>(&*decoded)) {
        Link& over = *link(from, to);
        // A link that comes again supersedes the former, whose end nobody may have told.
        if (over.knows(to) && over.heard(to) != over.generation) receiver.on_link_down(from);
        over.knows(to) = true;
        over.heard(to) = over.generation;
        receiver.on_link_hello(*hello);
    }
}

void Site::break_link(Link& broken, Duration noticed_after) {
    const bool was_up = std::exchange(broken.up, false);
    ++broken.generation;
    if (was_up) {
        for (const uint16_t side : {broken.a, broken.b}) {
            world_.after(noticed_after,
                         [this, side, other = broken.other(side), generation = broken.generation] {
                             Link& then = *link(side, other);
                             if (!then.knows(side) || !node(side).is_up()) return;
                             // A link that came again meanwhile supersedes this one: the end is
                             // told first.
                             if (then.generation != generation) return;
                             then.knows(side) = false;
                             node(side).on_link_down(other);
                             try_link(side, other, world_.between(kRedialLeast, kRedialMost));
                         });
        }
    }
    try_link(broken.a, broken.b, noticed_after + world_.between(kRedialLeast, kRedialMost));
}

void Site::cut_link(uint16_t a, uint16_t b, Duration time) {
    Link& cut = *link(a, b);
    world_.count("links cut");
    world_.mix("cut", std::to_string(a) + "-" + std::to_string(b));
    world_.trace("*** link " + std::to_string(a) + "-" + std::to_string(b) + " is cut");
    cut.cut_until = std::max(cut.cut_until, world_.time() + time);
    break_link(cut, world_.between(1ms, 300ms));
}

// As one value for all: there are too many of them to be encoded or copied for every link.
void Site::heartbeat(uint16_t number, const wire::Heartbeat& beat) {
    const uint64_t id = ++last_beat_;
    size_t receivers = 0;
    for (Link& each : links_) {
        if (!each.up || (each.a != number && each.b != number)) continue;
        const uint16_t to = each.other(number);
        Instant& free = each.free_to(to);
        free = std::max(free, world_.time() + world_.between(10us, 400us));
        world_.at(free, [this, number, to, generation = each.generation, id] {
            on_heartbeat(number, to, generation, id);
        });
        ++receivers;
    }
    if (receivers > 0) beats_.emplace(id, BeatUnderWay{beat, receivers});
}

void Site::on_heartbeat(uint16_t from, uint16_t to, uint64_t generation, uint64_t id) {
    const Link& over = *link(from, to);
    const bool arrives = over.generation == generation && over.up && node(to).is_up();
    if (arrives && node(to).is_paused()) {
        return world_.at(node(to).paused_until(), [this, from, to, generation, id] {
            on_heartbeat(from, to, generation, id);
        });
    }
    const auto found = beats_.find(id);
    if (arrives) node(to).on_link_heartbeat(found->second.beat);
    if (--found->second.receivers == 0) beats_.erase(found);
}

// Its process ends by itself, and its parent starts it again.
void Site::over(uint16_t number) {
    world_.count("nodes that others had replaced");
    world_.after(Duration(0), [this, number] {
        if (!node(number).is_up()) return;
        if (replaced_) replaced_(number);
        crash(number);
        world_.after(world_.between(20ms, 200ms), [this, number] { restart(number); });
    });
}

void Site::announce(uint16_t number) {
    for (Link& each : links_) {
        if (!each.up || (each.a != number && each.b != number)) continue;
        std::string frame;
        CHECK(wire::append_hello(frame, node(number).hello()).has_value());
        carry(each, each.other(number), std::move(frame));
    }
}

bool Site::to_node(uint16_t from, uint16_t to, const Letter& letter) {
    if (to == 0 || to > nodes_.size()) return false;
    Link& over = *link(from, to);
    if (!over.knows(from)) return false;
    std::string frame;
    if (!wire::append_letter(frame, letter).has_value()) return false;
    if (over.up) carry(over, to, std::move(frame));
    return true;
}

// ---- store

void Site::to_store(uint16_t, Letter letter) {
    store_.take(std::move(letter));
}

// ---- SIP

void Site::watch_next(std::string_view beginning, std::function<void()> seen) {
    watched_beginning_ = beginning;
    watched_ = std::move(seen);
}

const SiteNode* Site::gate_node(ports::Transport transport) const {
    for (const auto& node : nodes_) {
        if (node->is_up() && node->listener(transport) != nullptr) return node.get();
    }
    return nullptr;
}

void Site::trace_packet(std::string_view way, const SocketAddress& phone, std::string_view bytes) {
    if (!world_.traces()) return;
    std::string line(phone.text());
    line.append(" ").append(way).append(" ").append(first_line(bytes));
    line.append("  | ").append(header_of(bytes, "CSeq"));
    line.append(" | ").append(header_of(bytes, "Call-ID").substr(0, 16));
    const size_t sdp = bytes.find("m=audio ");
    if (sdp != bytes.npos) line.append(" | ").append(first_line(bytes.substr(sdp)));
    world_.trace(line);
}

void Site::sip_in(ports::Transport transport, uint64_t connection, const SocketAddress& remote,
                  std::string bytes) {
    const SiteNode* at = gate_node(transport);
    if (at == nullptr) return;
    trace_packet("-->", remote, bytes);
    if (watched_ && bytes.starts_with(watched_beginning_)) std::exchange(watched_, {})();
    const SiteNode::Listener& listener = *at->listener(transport);
    ports::PacketIn packet;
    packet.flow.gate = listener.gate;
    packet.flow.transport = transport;
    packet.flow.listener = listener.settings.number;
    packet.flow.connection = connection;
    packet.flow.remote = remote;
    packet.local = listener.settings.address;
    packet.bytes = std::move(bytes);
    node(at->number()).receive({ports::kTransport, listener.gate, 0, std::move(packet)});
}

void Site::on_datagram_at_site(Datagram datagram) {
    if (!datagram.is_media) {
        if (datagram.to != sip_address()) return;
        return sip_in(ports::Transport::Udp, 0, datagram.from, std::move(datagram.bytes));
    }
    const auto port = ports_by_address_.find(datagram.to);
    if (port == ports_by_address_.end()) {
        world_.count("media packets to a closed port");
        return;
    }
    node(port->second.node).on_media_packet(port->second.port, datagram.from, datagram.bytes);
}

void Site::packet_out(uint16_t number, ports::PacketOut packet) {
    const ports::Flow& flow = packet.flow;
    trace_packet("<--", flow.remote, packet.bytes);
    if (flow.transport == ports::Transport::Udp) {
        return network_.to_phone({sip_address(), flow.remote, std::move(packet.bytes), false});
    }
    uint64_t connection = flow.connection;
    if (!streams_.contains(connection)) {
        connection = 0;
        for (const auto& [each, remote] : streams_) {
            if (remote == flow.remote) connection = each;
        }
    }
    if (connection != 0) {
        return network_.stream_to_phone(connection, std::move(packet.bytes));
    }
    // Phones don't listen, so connecting to them fails, as behind NAT.
    world_.count("SIP to a connection that ended");
    if (packet.branch.empty()) return;
    node(number).receive(
        {ports::kTransport, flow.gate, 0, ports::PacketFailed{flow, std::move(packet.branch)}});
}

bool Site::on_connection(uint64_t connection, const SocketAddress& phone) {
    const SiteNode* at = gate_node(ports::Transport::Tcp);
    if (at == nullptr) return false;
    streams_[connection] = phone;
    return true;
}

void Site::on_stream_at_site(uint64_t connection, std::string message) {
    const auto stream = streams_.find(connection);
    if (stream == streams_.end()) return;
    sip_in(ports::Transport::Tcp, connection, stream->second, std::move(message));
}

void Site::on_closed_at_site(uint64_t connection) {
    const auto stream = streams_.find(connection);
    if (stream == streams_.end()) return;
    const SocketAddress remote = stream->second;
    streams_.erase(stream);
    const SiteNode* at = gate_node(ports::Transport::Tcp);
    if (at == nullptr) return;
    const SiteNode::Listener& listener = *at->listener(ports::Transport::Tcp);
    ports::Flow flow{listener.gate, ports::Transport::Tcp, listener.settings.number, connection,
                     remote};
    node(at->number()).receive({ports::kTransport, listener.gate, 0, ports::FlowClosed{flow}});
}

// ---- media

bool Site::open_media_port(uint16_t number, const ports::MediaPortOpen& open) {
    const PortKey key{number, open.port_id};
    if (ports_by_address_.contains(open.local)) return false;
    ports_by_address_[open.local] = key;
    addresses_by_port_[key] = open.local;
    return true;
}

void Site::close_media_port(uint16_t number, uint32_t port_id) {
    const auto found = addresses_by_port_.find({number, port_id});
    if (found == addresses_by_port_.end()) return;
    ports_by_address_.erase(found->second);
    addresses_by_port_.erase(found);
}

void Site::media_out(uint16_t number, uint32_t port_id, const SocketAddress& to,
                     std::span<const uint8_t> packet) {
    const auto from = addresses_by_port_.find({number, port_id});
    if (from == addresses_by_port_.end()) return world_.fail("a packet from a port not open");
    network_.to_phone({from->second, to, std::string(as_text(packet)), true});
}

// ---- phones

void Site::on_datagram_at_phone(size_t phone, Datagram datagram) {
    if (phones_ != nullptr) phones_->on_datagram(phone, datagram);
}

void Site::on_connected(size_t phone, uint64_t connection, bool accepted) {
    if (phones_ != nullptr) phones_->on_connected(phone, connection, accepted);
}

void Site::on_stream_at_phone(size_t phone, uint64_t connection, std::string message) {
    if (phones_ != nullptr) phones_->on_stream(phone, connection, message);
}

void Site::on_closed_at_phone(size_t phone, uint64_t connection) {
    if (phones_ != nullptr) phones_->on_closed(phone, connection);
}

// ---- API

void Site::http(std::string method, std::string path, std::string body, HttpDone done) {
    const uint16_t number = node_of(RoleKind::WebGate);
    if (number == 0) {
        world_.after(1ms, [done = std::move(done)] { done(nullptr); });
        return;
    }
    const uint64_t id = next_http_++;
    http_waiting_[id] = std::move(done);
    ports::HttpRequest request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.headers = {{"authorization", "Bearer " + std::string(kSimToken)},
                       {"content-type", "application/json"}};
    if (request.method == "PATCH") request.headers[1].second = "application/merge-patch+json";
    request.body = std::move(body);
    request.remote = "127.0.0.1";
    world_.mix("http", request.path + request.body);
    node(number).receive(
        {ports::kHttp, *node(number).instance_of(RoleKind::WebGate), id, std::move(request)});
    world_.after(kHttpPatience, [this, id] {
        const auto waiting = http_waiting_.find(id);
        if (waiting == http_waiting_.end()) return;
        const HttpDone give_up = std::move(waiting->second);
        http_waiting_.erase(waiting);
        give_up(nullptr);
    });
}

void Site::http_response(uint16_t, Letter letter) {
    const auto* response = get_if<ports::HttpResponse>(&letter.payload);
    if (response == nullptr) return;
    const auto waiting = http_waiting_.find(letter.request);
    if (waiting == http_waiting_.end()) return;
    const HttpDone done = std::move(waiting->second);
    http_waiting_.erase(waiting);
    world_.mix("http", response->body);
    done(response);
}

std::map<std::string, double> Site::figures() const {
    std::map<std::string, double> sums;
    for (const auto& node : nodes_) {
        for (const auto& [name, value] : node->figures()) sums[name] += value;
    }
    return sums;
}

}  // namespace tandem::sim
