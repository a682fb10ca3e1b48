#include "runtime/link/node_links.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "runtime/stream/stream_listener.h"
#include "runtime/stream/stream_socket.h"

namespace tandem::runtime {

namespace {

// Only programs of our own user may speak on a link (unix(7), SO_PEERCRED).
bool is_our_user(int fd) {
    ucred peer{};
    socklen_t size = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

StreamSocket::Settings link_settings() {
    StreamSocket::Settings settings;
    settings.queue_bytes_max = link_queue_bytes_max;
    return settings;
}

// A cut cable tells nobody: unacknowledged bytes and unanswered probes break the connection (RFC
// 5482, RFC 1122 4.2.3.6).
void notice_silence(int fd) {
    const auto set = [fd](int name, int value) {
        setsockopt(fd, IPPROTO_TCP, name, &value, sizeof(value));
    };
    set(TCP_USER_TIMEOUT, static_cast<int>(link_unacknowledged_max.count()));
    set(TCP_KEEPIDLE, link_keepalive_s);
    set(TCP_KEEPINTVL, link_keepalive_s);
    set(TCP_KEEPCNT, link_keepalives_max);
}

std::string named(uint16_t node, const NodePlace& place) {
    return "node " + std::to_string(node) + " (" + place.server + " at " + place.address.text() +
           ")";
}

}  // namespace

struct NodeLinks::State {
    // One connection, either accepted (its node is not known before its hello) or dialled.
    struct Link final : StreamEvents {
        Link(State& of, uint16_t to) : owner(of), node(to), patience(of.reactor) {}

        State& owner;
        uint16_t node;  // 0: not known yet
        std::unique_ptr<StreamSocket> socket;
        wire::FrameCutter cutter;
        Timer patience;
        bool greeted = false;
        // Between servers only.
        bool over_tcp = false;
        PeerCertificate certificate;
        uint64_t stranger = 0;  // 0: it has a certificate of the site
        int asked = 0;          // by the stranger
        size_t received = 0;    // from it

        void on_stream_open() override;
        void on_stream_bytes(std::string_view bytes) override;
        void on_stream_end(StreamEnd why) override;
    };
    // What we want to be connected to, and how long to wait before dialling again.
    struct Peer {
        explicit Peer(Reactor& reactor) : redial(reactor) {}
        NodePlace place;
        Timer redial;
        Duration pause = link_redial_first;
        bool dials = false;  // ours is the higher number
    };

    State(Reactor& on, const NodeLinksConfig& how, const wire::Hello& me, LinkEvents& to)
        : reactor(on), config(how), self(me), events(to) {}

    Reactor& reactor;
    const NodeLinksConfig config;
    wire::Hello self;
    LinkEvents& events;
    std::unique_ptr<StreamListener> listener;
    std::unique_ptr<StreamListener> server_listener;
    std::map<uint16_t, Peer> peers;
    std::vector<std::unique_ptr<Link>> links;
    std::map<uint16_t, Link*> up;
    Timer cut_end{reactor};
    Cut cut = Cut::None;
    uint64_t letters_in = 0;
    uint64_t letters_out = 0;
    uint64_t refused = 0;
    uint64_t broken = 0;
    uint64_t strangers = 0;

    std::string path_of(uint16_t node) const {
        return config.run_directory + "/node-" + std::to_string(node) + ".sock";
    }
    void accepted(UniqueFd fd);
    void accepted_from_server(UniqueFd fd);
    void dial(uint16_t node);
    Result<void> connect(Link& link, const NodePlace& place);
    void dial_later(uint16_t node);
    void greet(Link& link);
    bool is_cut(const Link& link) const {
        return cut == Cut::All || (cut == Cut::OtherServers && link.over_tcp);
    }
    void await_heartbeat(Link& link);
    void lost(Link& link);
    void drop(uint16_t node);
    void say_refused(const std::string& why);
    bool take(Link& link, wire::Frame frame);
    bool take_from_stranger(Link& link, wire::Frame frame);
    bool is_who_it_says(const Link& link, uint16_t node);
    bool take_hello(Link& link, const wire::Hello& hello);
    void supersede(Link& link);
};

// Who has no certificate of the site is told nothing of it.
void NodeLinks::State::Link::on_stream_open() {
    if (over_tcp) {
        certificate = socket->peer_certificate();
        if (!certificate.is_verified) {
            const auto others = std::ranges::count_if(
                owner.links, [](const auto& each) { return each->stranger != 0; });
            const bool refused =
                owner.config.desk == nullptr || static_cast<size_t>(others) >= link_strangers_max;
            if (refused) {
                ++owner.refused;
                return owner.lost(*this);
            }
            stranger = ++owner.strangers;
            return patience.arm(link_stranger_max, [this] { owner.lost(*this); });
        }
    }
    owner.greet(*this);
}

void NodeLinks::State::Link::on_stream_end(StreamEnd why) {
    const auto peer = owner.peers.find(node);
    const bool dialled = over_tcp && !greeted && peer != owner.peers.end();
    if (dialled && why == StreamEnd::Handshake) {
        owner.say_refused(named(node, peer->second.place) +
                          " is refused: " + socket->tls_failure());
    } else if (dialled && why == StreamEnd::Broken && !certificate.chain.empty()) {
        // In TLS 1.3 the other side judges our certificate after we have judged its own.
        owner.say_refused(named(node, peer->second.place) + " refuses this server's certificate");
    } else if (over_tcp && why == StreamEnd::Handshake) {
        owner.say_refused("a connection from elsewhere is refused: " + socket->tls_failure());
    }
    owner.lost(*this);
}

void NodeLinks::State::Link::on_stream_bytes(std::string_view bytes) {
    received += bytes.size();
    if (stranger != 0 && received > link_stranger_bytes_max) {
        ++owner.broken;
        return owner.lost(*this);
    }
    cutter.push(bytes);
    while (socket != nullptr) {  // a handler of the last frame may have ended this link
        auto cut = cutter.pop();
        if (cut && !*cut) return;
        auto frame = cut ? wire::decode(**cut) : Result<wire::Frame>(cut.error());
        // A newer node may say what we do not know; that alone is no reason to part.
        if (!frame && frame.error().code == ErrorCode::Unsupported) continue;
        if (!frame || !owner.take(*this, std::move(*frame))) {
            ++owner.broken;
            return owner.lost(*this);
        }
    }
}

void NodeLinks::State::accepted(UniqueFd fd) {
    if (!is_our_user(fd.get()) || links.size() >= link_peers_max) {
        ++refused;
        return;
    }
    links.push_back(std::make_unique<Link>(*this, uint16_t(0)));
    Link& link = *links.back();
    link.socket = StreamSocket::accepted(reactor, std::move(fd), link_settings(), link);
    link.patience.arm(link_hello_max, [this, &link] { lost(link); });
}

void NodeLinks::State::accepted_from_server(UniqueFd fd) {
    const LinkContexts contexts = config.contexts();
    const auto ungreeted = std::ranges::count_if(
        links, [](const auto& each) { return each->over_tcp && !each->greeted; });
    const bool full =
        links.size() >= link_peers_max || static_cast<size_t>(ungreeted) >= link_ungreeted_max;
    if (full || contexts.server == nullptr) {
        ++refused;
        return;
    }
    notice_silence(fd.get());
    links.push_back(std::make_unique<Link>(*this, uint16_t(0)));
    Link& link = *links.back();
    link.over_tcp = true;
    StreamSocket::Settings settings = link_settings();
    settings.tls = contexts.server;
    link.socket = StreamSocket::accepted(reactor, std::move(fd), settings, link);
    link.patience.arm(link_hello_max, [this, &link] { lost(link); });
}

Result<void> NodeLinks::State::connect(Link& link, const NodePlace& place) {
    if (place.server.empty()) {
        link.socket =
            TRY(StreamSocket::connect_unix(reactor, path_of(link.node), link_settings(), link));
        return {};
    }
    const LinkContexts contexts = config.contexts ? config.contexts() : LinkContexts{};
    if (contexts.client == nullptr) {
        return make_error(ErrorCode::Unavailable, "tls", "there is no certificate for links");
    }
    StreamSocket::Settings settings = link_settings();
    settings.tls = contexts.client;
    settings.tls_host = place.server;
    link.over_tcp = true;
    link.socket = TRY(StreamSocket::connect(reactor, place.address, settings, link));
    notice_silence(link.socket->fd());
    return {};
}

void NodeLinks::State::dial(uint16_t node) {
    links.push_back(std::make_unique<Link>(*this, node));
    Link& link = *links.back();
    const auto made = connect(link, peers.find(node)->second.place);
    if (!made.has_value()) {
        links.pop_back();
        return dial_later(node);
    }
    link.patience.arm(link_hello_max, [this, &link] { lost(link); });
}

void NodeLinks::State::dial_later(uint16_t node) {
    const auto peer = peers.find(node);
    if (peer == peers.end() || !peer->second.dials) return;
    peer->second.redial.arm(peer->second.pause, [this, node] { dial(node); });
    peer->second.pause = std::min<Duration>(2 * peer->second.pause, link_redial_last);
}

void NodeLinks::State::greet(Link& link) {
    if (is_cut(link)) return;
    std::string frame;
    if (!wire::append_hello(frame, self)) return;
    link.socket->send(frame);
}

void NodeLinks::State::await_heartbeat(Link& link) {
    link.patience.arm(link_silent_max, [this, &link] {
        link.patience.arm(link_silent_again, [this, &link] { lost(link); });
    });
}

// The link may be in the middle of a call of its own: it is destroyed in a later turn.
void NodeLinks::State::lost(Link& link) {
    const auto found = std::find_if(links.begin(), links.end(),
                                    [&](const auto& entry) { return entry.get() == &link; });
    if (found == links.end()) return;
    std::shared_ptr<Link> gone(std::move(*found));
    links.erase(found);
    gone->patience.cancel();
    gone->socket.reset();
    reactor.post([gone] {});
    const auto was_up = up.find(link.node);
    if (was_up != up.end() && was_up->second == &link) {
        up.erase(was_up);
        events.on_link_down(link.node);
    }
    if (link.node != 0) dial_later(link.node);
}

// All connections to the node, also one that is just being made.
void NodeLinks::State::drop(uint16_t node) {
    std::vector<Link*> gone;
    for (const auto& link : links) {
        if (link->node == node) gone.push_back(link.get());
    }
    for (Link* link : gone) lost(*link);
}

void NodeLinks::State::say_refused(const std::string& why) {
    ++refused;
    if (config.desk != nullptr) config.desk->on_link_refused(why);
}

bool NodeLinks::State::take_from_stranger(Link& link, wire::Frame frame) {
    auto* join = std::get_if<ports::ServerJoin>(&frame);
    if (join == nullptr || ++link.asked > link_stranger_asks_max) return false;
    config.desk->on_join(link.stranger, std::move(*join));
    return true;
}

bool NodeLinks::State::take(Link& link, wire::Frame frame) {
    if (link.stranger != 0) return take_from_stranger(link, std::move(frame));
    if (is_cut(link)) return true;
    if (const auto* hello = std::get_if<wire::Hello>(&frame)) return take_hello(link, *hello);
    if (!link.greeted) return false;
    if (auto* letter = std::get_if<ports::Letter>(&frame)) {
        ++letters_in;
        events.on_link_letter(link.node, std::move(*letter));
    } else if (const auto* heartbeat = std::get_if<wire::Heartbeat>(&frame)) {
        if (link.over_tcp) await_heartbeat(link);
        events.on_link_heartbeat(link.node, *heartbeat);
    } else if (auto* request = std::get_if<wire::CertificateRequest>(&frame)) {
        if (config.desk) config.desk->on_certificate_request(link.node, std::move(*request));
    } else if (auto* reply = std::get_if<wire::CertificateReply>(&frame)) {
        if (config.desk) config.desk->on_certificate_reply(link.node, std::move(*reply));
    }
    return true;
}

// A node is of one server, and nobody else may speak for it: not another server of the site, nor a
// program of this machine.
bool NodeLinks::State::is_who_it_says(const Link& link, uint16_t node) {
    const auto peer = peers.find(node);
    if (!link.over_tcp) return peer == peers.end() || peer->second.place.server.empty();
    // Not known yet: it dials again, and we shall have read who it is.
    if (peer == peers.end() || peer->second.place.server.empty()) return false;
    const std::string& server = peer->second.place.server;
    if (std::ranges::find(link.certificate.dns_names, server) != link.certificate.dns_names.end()) {
        return true;
    }
    std::string shown;
    for (const std::string& name : link.certificate.dns_names) shown += ' ' + name;
    say_refused(named(node, peer->second.place) + " is refused: its certificate is of" + shown);
    return false;
}

bool NodeLinks::State::take_hello(Link& link, const wire::Hello& hello) {
    const bool expected = link.node == 0 || link.node == hello.node;
    if (!expected || hello.node == 0 || hello.node == self.node) return false;
    if (!link.greeted && !is_who_it_says(link, hello.node)) return false;
    link.node = hello.node;
    if (!link.greeted) {
        link.greeted = true;
        link.patience.cancel();
        supersede(link);
        up[hello.node] = &link;
        const auto peer = peers.find(hello.node);
        if (peer != peers.end()) peer->second.pause = link_redial_first;
    }
    events.on_link_hello(hello);
    return true;
}

// A node that comes again has lost its former connection, though we may not know yet.
void NodeLinks::State::supersede(Link& link) {
    const auto former = up.find(link.node);
    if (former == up.end()) return;
    Link& old = *former->second;
    up.erase(former);
    events.on_link_down(link.node);
    old.node = 0;
    lost(old);
}

NodeLinks::NodeLinks(Reactor& reactor, const NodeLinksConfig& config, const wire::Hello& self,
                     LinkEvents& events)
    : state_(std::make_unique<State>(reactor, config, self, events)) {}
NodeLinks::~NodeLinks() = default;

Result<void> NodeLinks::listen() {
    std::error_code error;
    std::filesystem::create_directories(state_->config.run_directory, error);
    if (error || chmod(state_->config.run_directory.c_str(), 0700) != 0) {
        return make_error(ErrorCode::Unavailable, "run_directory",
                          "cannot make " + state_->config.run_directory);
    }
    state_->listener =
        TRY(StreamListener::unix_domain(state_->reactor, state_->path_of(state_->self.node),
                                        [state = state_.get()](UniqueFd fd, const SocketAddress&) {
                                            state->accepted(std::move(fd));
                                        }));
    return {};
}

Result<void> NodeLinks::listen_to_servers(const SocketAddress& address) {
    state_->server_listener.reset();
    state_->server_listener = TRY(StreamListener::tcp(
        state_->reactor, address, [state = state_.get()](UniqueFd fd, const SocketAddress&) {
            state->accepted_from_server(std::move(fd));
        }));
    return {};
}

void NodeLinks::add(uint16_t node, const NodePlace& place) {
    if (node == state_->self.node) return;
    const auto [entry, is_new] = state_->peers.try_emplace(node, state_->reactor);
    auto& peer = entry->second;
    if (!is_new && peer.place == place) return;
    peer.place = place;
    peer.dials = state_->self.node > node;
    peer.pause = link_redial_first;
    if (is_new && peer.dials) return state_->dial(node);
    if (is_new) return;
    peer.redial.cancel();
    state_->drop(node);
    if (peer.dials) state_->dial_later(node);
}

void NodeLinks::forget(uint16_t node) {
    state_->peers.erase(node);
    state_->drop(node);
}

bool NodeLinks::is_up(uint16_t node) const {
    return state_->up.contains(node);
}

bool NodeLinks::send(uint16_t node, const ports::Letter& letter) {
    const auto found = state_->up.find(node);
    if (found != state_->up.end() && state_->is_cut(*found->second)) return true;
    std::string frame;
    const bool sent = found != state_->up.end() && wire::append_letter(frame, letter) &&
                      found->second->socket->send(frame);
    ++(sent ? state_->letters_out : state_->refused);
    return sent;
}

void NodeLinks::send_heartbeat(const wire::Heartbeat& heartbeat) {
    std::string frame;
    if (!wire::append_heartbeat(frame, heartbeat)) return;
    for (auto& [node, link] : state_->up) {
        if (!state_->is_cut(*link)) link->socket->send(frame);
    }
}

void NodeLinks::announce(const wire::Hello& self) {
    state_->self = self;
    for (auto& [node, link] : state_->up) state_->greet(*link);
}

void NodeLinks::answer_join(uint64_t stranger, const wire::JoinReply& reply) {
    std::string frame;
    if (!wire::append_join_reply(frame, reply)) return;
    for (const auto& link : state_->links) {
        if (link->stranger == stranger && stranger != 0) link->socket->send(frame);
    }
}

void NodeLinks::send_certificate_request(const wire::CertificateRequest& request) {
    std::string frame;
    if (!wire::append_certificate_request(frame, request)) return;
    for (auto& [node, link] : state_->up) link->socket->send(frame);
}

bool NodeLinks::send_certificate(uint16_t node, const wire::CertificateReply& reply) {
    const auto found = state_->up.find(node);
    std::string frame;
    return found != state_->up.end() && wire::append_certificate_reply(frame, reply) &&
           found->second->socket->send(frame);
}

// The letters of that time are lost. Both ends have to learn it, or questions would wait for ever.
void NodeLinks::cut(Duration time, Cut which) {
    state_->cut = which;
    state_->cut_end.arm(time, [state = state_.get()] {
        std::vector<State::Link*> ended;
        for (const auto& [node, link] : state->up) {
            if (state->is_cut(*link)) ended.push_back(link);
        }
        state->cut = Cut::None;
        for (State::Link* link : ended) state->lost(*link);
    });
}

std::vector<std::pair<std::string, double>> NodeLinks::figures() const {
    return {{"links_up", static_cast<double>(state_->up.size())},
            {"link_letters_received_total", static_cast<double>(state_->letters_in)},
            {"link_letters_sent_total", static_cast<double>(state_->letters_out)},
            {"link_letters_refused_total", static_cast<double>(state_->refused)},
            {"links_broken_total", static_cast<double>(state_->broken)}};
}

}  // namespace tandem::runtime
