#include "sim/site_node.h"

#include <algorithm>
#include <cmath>

namespace tandem::sim {

using ports::Letter;
using ports::RoleKind;

namespace {

constexpr Duration kMediaTick = 50ms;
constexpr uint16_t kStoreNode = 1;
constexpr Duration kTurnLeast = 5us;  // from a letter's arrival to the shard's turn
constexpr Duration kTurnMost = 150us;
constexpr int64_t kUtcAtStart = 1'800'000'000'000;
constexpr size_t kPacketRoom = 256;  // for growing in place (ports/media_plane.h)

}  // namespace

SiteNode::SiteNode(World& world, NodeEnds& ends, uint16_t number, NodeClock clock)
    : world_(world), ends_(ends), number_(number), clock_(clock), rng_(world.rng().next()) {}

SiteNode::~SiteNode() = default;

// ---- clocks

Now SiteNode::clocks() const {
    const auto real = static_cast<double>(world_.time().since_epoch.count());
    const auto fast = static_cast<int64_t>(std::llround(real * (1 + clock_.drift)));
    const Instant mono{Duration(fast) + clock_.mono_offset};
    return {mono, {kUtcAtStart + clock_.utc_offset_ms + fast / 1'000'000}};
}

// The first moment at which the node's clock shows `local`.
Instant SiteNode::global(Instant local) const {
    const auto fast = static_cast<double>((local.since_epoch - clock_.mono_offset).count());
    return {Duration(static_cast<int64_t>(std::ceil(fast / (1 + clock_.drift))) + 1)};
}

// ---- life

void SiteNode::make_shard(size_t index, const ports::TokenMint& tokens,
                          roles::host::RoleFactory& factory) {
    roles::host::HostSettings settings{number_, static_cast<uint16_t>(index), "sim", clocks().utc};
    shards_[index] = {};
    shards_[index].turn = ++incarnation_;
    shards_[index].host = std::make_unique<roles::host::NodeHost>(settings, tokens, rng_, factory);
}

void SiteNode::start(const ports::TokenMint& tokens, NodeParts signalling, NodeParts media) {
    parts_[0] = std::move(signalling);
    parts_[1] = std::move(media);
    make_shard(0, tokens, *parts_[0].factory);
    make_shard(1, tokens, *parts_[1].factory);
    host_ = shards_[0].host.get();
    router_ = std::make_unique<roles::host::LetterRouter>(number_, *host_);
    hello_ = {};
    hello_.node = number_;
    hello_.version = "sim";
    directory_generation_ = ~uint64_t{0};
    for (size_t i = 0; i < 2; ++i) {
        shards_[i].host->set_keeps_store(number_ == kStoreNode);
        shards_[i].host->start(clocks());
        wake(i, world_.time() + kTurnMost);
    }
    ++life_;
    tick_media();
}

// As the thread of a media shard does: an idle one shows that it turns.
void SiteNode::tick_media() {
    world_.after(kMediaTick, [this, life = life_] {
        if (!is_up() || life != life_) return;
        if (!is_paused()) ++shards_[1].turns;
        tick_media();
    });
}

void SiteNode::crash() {
    add_figures(totals_, true);
    for (Shard& shard : shards_) {
        shard.host.reset();
        shard.inbox.clear();
        shard.wake.reset();
        shard.turn = ++incarnation_;
    }
    router_.reset();
    host_ = nullptr;
    parts_[0] = {};
    parts_[1] = {};
    reachable_.clear();
    listeners_.clear();
    paused_until_ = {};
}

void SiteNode::pause(Duration time) {
    paused_until_ = std::max(paused_until_, world_.time() + time);
}

bool SiteNode::is_serving() const {
    return is_up() && shards_[0].host->is_serving() && shards_[1].host->is_serving();
}

// ---- turns

void SiteNode::deliver(size_t index, Letter letter) {
    if (!is_up()) return;
    shards_[index].inbox.push_back(std::move(letter));
    wake(index, world_.time() + world_.between(kTurnLeast, kTurnMost));
}

void SiteNode::receive(Letter letter) {
    deliver(0, std::move(letter));
}

void SiteNode::on_link_letter(uint16_t from, Letter letter) {
    if (!is_up() || !host_->admits(letter, from)) return;
    router_->note_asker(from, letter);
    receive(std::move(letter));
}

void SiteNode::wake(size_t index, Instant when) {
    Shard& shard = shards_[index];
    when = std::max({when, world_.time(), paused_until_});
    if (shard.wake && *shard.wake <= when) return;
    shard.wake = when;
    shard.turn = ++incarnation_;
    world_.at(when, [this, index, turn_number = shard.turn] {
        if (shards_[index].turn == turn_number) turn(index);
    });
}

void SiteNode::turn(size_t index) {
    Shard& shard = shards_[index];
    shard.wake.reset();
    if (!is_up()) return;
    if (is_paused()) return wake(index, paused_until_);
    const Now now = clocks();
    std::vector<Letter> inbox;
    inbox.swap(shard.inbox);
    for (Letter& letter : inbox) {
        if (index == 1 || router_->way_of(letter).to == roles::host::Way::To::Host) {
            shard.host->deliver(std::move(letter));
        } else {
            route_signalling(std::move(letter));
        }
    }
    ++shard.turns;
    if (index == 0) host_->set_progress(std::array{shards_[0].turns, shards_[1].turns});
    const auto due = shard.host->next_deadline();
    if (due && *due <= now.mono) shard.host->on_timeout(now);
    for (Letter& letter : shard.host->run(now)) route(index, std::move(letter));
    if (index == 0 && host_->directory().generation() != directory_generation_) {
        directory_generation_ = host_->directory().generation();
        hello_.instances = host_->draining_instances();
        ends_.announce(number_);
    }
    follow_runs();
    if (index == 0) {
        if (const auto beat = host_->take_heartbeat()) ends_.heartbeat(number_, *beat);
        if (host_->is_over() || shards_[1].host->is_over()) return ends_.over(number_);
    }
    schedule(index);
}

void SiteNode::follow_runs() {
    const std::vector<uint32_t> runs{shards_[0].host->run_number(), shards_[1].host->run_number()};
    if (hello_.runs == runs) return;
    hello_.runs = runs;
    ends_.announce(number_);
    tell_reachable();
}

void SiteNode::schedule(size_t index) {
    const auto deadline = shards_[index].host->next_deadline();
    if (!deadline) return;
    // A timer is never exactly in time.
    wake(index, std::max(global(*deadline), world_.time()) + world_.between(kTurnLeast, kTurnMost));
}

// ---- letters

void SiteNode::route(size_t from_shard, Letter letter) {
    if (from_shard == 0) return route_signalling(std::move(letter));
    if (letter.to == ports::kMediaPorts) return on_media_ports(std::move(letter));
    deliver(0, std::move(letter));
}

void SiteNode::route_signalling(Letter letter) {
    using To = roles::host::Way::To;
    const roles::host::Way way = router_->way_of(letter);
    bool sent = false;
    switch (way.to) {
        case To::Transport:
            return on_transport(std::move(letter));
        case To::Http:
            return ends_.http_response(number_, std::move(letter));
        case To::Journal:
            return journal(letter);
        case To::Store:
            if (number_ == kStoreNode) return ends_.to_store(number_, std::move(letter));
            sent = ends_.to_node(number_, kStoreNode, letter);
            break;
        case To::Media:
            return deliver(1, std::move(letter));
        case To::Node:
            sent = ends_.to_node(number_, way.node, letter);
            break;
        case To::Passwords:  // nobody signs in
        case To::Resolver:   // nor has names
        case To::Host:
        case To::Nobody:
            break;
    }
    if (!sent) answer_unreachable(letter);
}

void SiteNode::answer_unreachable(const Letter& letter) {
    if (letter.request == 0 || !ports::is_question(letter.payload)) return;
    world_.count("letters answered with Unreachable");
    Letter answer{letter.to, letter.from, letter.request, ports::Unreachable{letter.to}};
    deliver(router_->is_local_media(letter.from) ? 1 : 0, std::move(answer));
}

void SiteNode::journal(const Letter& letter) {
    const auto* line = get_if<ports::LogLine>(&letter.payload);
    if (line == nullptr) return;
    if (line->level == ports::LogLine::Level::Error) world_.count("errors in the journal");
    if (!world_.traces()) return;
    world_.trace("node " + std::to_string(number_) + " says: " + line->text);
}

void SiteNode::on_transport(Letter letter) {
    if (auto* packet = get_if<ports::PacketOut>(&letter.payload)) {
        return ends_.packet_out(number_, std::move(*packet));
    }
    if (const auto* open = get_if<ports::ListenerOpen>(&letter.payload)) {
        listeners_[{letter.from.number, open->number}] = {letter.from, *open};
        ports::ListenerOpened opened;
        opened.number = open->number;
        opened.address = open->address;
        return deliver(0, {ports::kTransport, letter.from, letter.request, std::move(opened)});
    }
    if (const auto* close = get_if<ports::ListenerClose>(&letter.payload)) {
        listeners_.erase({letter.from.number, close->number});
    }
}

const SiteNode::Listener* SiteNode::listener(ports::Transport transport) const {
    for (const auto& [key, each] : listeners_) {
        if (each.settings.transport == transport) return &each;
    }
    return nullptr;
}

// ---- media

void SiteNode::on_media_ports(Letter letter) {
    if (const auto* open = get_if<ports::MediaPortOpen>(&letter.payload)) {
        if (ends_.open_media_port(number_, *open)) return;
        ports::MediaPortFailed failed{
            open->port_id, make_error(ErrorCode::Conflict, "port", "the port is in use")};
        return deliver(1, {ports::kMediaPorts, letter.from, 0, std::move(failed)});
    }
    if (const auto* close = get_if<ports::MediaPortClose>(&letter.payload)) {
        ends_.close_media_port(number_, close->port_id);
    }
}

bool SiteNode::on_media_packet(uint32_t port_id, const SocketAddress& source,
                               std::string_view bytes) {
    if (!is_up() || is_paused()) return false;
    ports::MediaDataPlane* plane = parts_[1].media_plane();
    if (plane == nullptr) return false;
    buffer_.assign(bytes.begin(), bytes.end());
    buffer_.resize(bytes.size() + kPacketRoom);
    plane->on_packet(clocks(), port_id, source, buffer_, bytes.size(), *this);
    return true;
}

void SiteNode::send(uint32_t port_id, const SocketAddress& to, std::span<const uint8_t> packet) {
    ends_.media_out(number_, port_id, to, packet);
}

// ---- links

wire::Hello SiteNode::hello() const {
    return hello_;
}

void SiteNode::on_link_hello(const wire::Hello& peer) {
    const auto known = std::ranges::find(reachable_, peer.node, &roles::host::ReachableNode::node);
    if (known != reachable_.end()) {
        known->runs = peer.runs;
        known->draining = peer.instances;
        return tell_reachable();
    }
    reachable_.push_back({peer.node, peer.runs, peer.instances});
    tell_reachable();
    if (peer.node != kStoreNode) return;
    for (Shard& shard : shards_) shard.host->on_store_returned(clocks());
}

void SiteNode::on_link_down(uint16_t node) {
    std::erase_if(reachable_, [&](const auto& each) { return each.node == node; });
    tell_reachable();
}

void SiteNode::on_link_heartbeat(const wire::Heartbeat& beat) {
    host_->on_heartbeat(clocks(), beat);
    schedule(0);
}

void SiteNode::tell_reachable() {
    std::vector<roles::host::ReachableNode> nodes = reachable_;
    nodes.push_back({number_, hello_.runs, {}});
    for (size_t i = 0; i < 2; ++i) {
        shards_[i].host->set_reachable_nodes(clocks(), nodes);
        wake(i, world_.time() + kTurnLeast);
    }
}

// ---- for the checks

std::optional<ports::Instance> SiteNode::instance_of(RoleKind kind) const {
    if (!is_up()) return std::nullopt;
    for (const Shard& shard : shards_) {
        for (const ports::DirectoryEntry& entry : shard.host->directory().entries()) {
            if (entry.kind == kind && shard.host->find(entry.instance) != nullptr) {
                return entry.instance;
            }
        }
    }
    return std::nullopt;
}

void SiteNode::add_figures(std::map<std::string, double>& sums, bool totals_only) const {
    if (!is_up()) return;
    for (const Shard& shard : shards_) {
        for (const ports::DirectoryEntry& entry : shard.host->directory().entries()) {
            const ports::Role* role = shard.host->find(entry.instance);
            if (role == nullptr) continue;
            for (const auto& [name, value] : role->figures()) {
                if (!totals_only || name.ends_with("_total")) sums[name] += value;
            }
        }
    }
}

std::map<std::string, double> SiteNode::figures() const {
    std::map<std::string, double> sums = totals_;
    add_figures(sums, false);
    return sums;
}

std::string SiteNode::status() const {
    if (!is_up()) return "down";
    return shards_[0].host->status_json(clocks()) + "\n" + shards_[1].host->status_json(clocks());
}

}  // namespace tandem::sim
