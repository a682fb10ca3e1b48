#include "runtime/link/node_links.h"

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

        void on_stream_open() override;
        void on_stream_bytes(std::string_view bytes) override;
        void on_stream_end(StreamEnd) override { owner.lost(*this); }
    };
    // What we want to be connected to, and how long to wait before dialling again.
    struct Peer {
        explicit Peer(Reactor& reactor) : redial(reactor) {}
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
    std::map<uint16_t, Peer> peers;
    std::vector<std::unique_ptr<Link>> links;
    std::map<uint16_t, Link*> up;
    uint64_t letters_in = 0;
    uint64_t letters_out = 0;
    uint64_t refused = 0;
    uint64_t broken = 0;

    std::string path_of(uint16_t node) const {
        return config.run_directory + "/node-" + std::to_string(node) + ".sock";
    }
    void accepted(UniqueFd fd);
    void dial(uint16_t node);
    void dial_later(uint16_t node);
    void greet(Link& link);
    void lost(Link& link);
    bool take(Link& link, wire::Frame frame);
    bool take_hello(Link& link, const wire::Hello& hello);
    void supersede(Link& link);
};

void NodeLinks::State::Link::on_stream_open() {
    owner.greet(*this);
}

void NodeLinks::State::Link::on_stream_bytes(std::string_view bytes) {
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

void NodeLinks::State::dial(uint16_t node) {
    links.push_back(std::make_unique<Link>(*this, node));
    Link& link = *links.back();
    auto made = StreamSocket::connect_unix(reactor, path_of(node), link_settings(), link);
    if (!made) {
        links.pop_back();
        return dial_later(node);
    }
    link.socket = std::move(*made);
    link.patience.arm(link_hello_max, [this, &link] { lost(link); });
}

void NodeLinks::State::dial_later(uint16_t node) {
    const auto peer = peers.find(node);
    if (peer == peers.end() || !peer->second.dials) return;
    peer->second.redial.arm(peer->second.pause, [this, node] { dial(node); });
    peer->second.pause = std::min<Duration>(2 * peer->second.pause, link_redial_last);
}

void NodeLinks::State::greet(Link& link) {
    std::string frame;
    if (!wire::append_hello(frame, self)) return;
    link.socket->send(frame);
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

bool NodeLinks::State::take(Link& link, wire::Frame frame) {
    if (const auto* hello = std::get_if<wire::Hello>(&frame)) return take_hello(link, *hello);
    if (!link.greeted) return false;
    if (auto* letter = std::get_if<ports::Letter>(&frame)) {
        ++letters_in;
        events.on_link_letter(link.node, std::move(*letter));
    } else if (const auto* heartbeat = std::get_if<wire::Heartbeat>(&frame)) {
        events.on_link_heartbeat(link.node, *heartbeat);
    }
    return true;
}

bool NodeLinks::State::take_hello(Link& link, const wire::Hello& hello) {
    const bool expected = link.node == 0 || link.node == hello.node;
    if (!expected || hello.node == 0 || hello.node == self.node) return false;
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

void NodeLinks::add(uint16_t node) {
    if (node == state_->self.node || state_->peers.contains(node)) return;
    auto& peer = state_->peers.try_emplace(node, state_->reactor).first->second;
    peer.dials = state_->self.node > node;
    if (peer.dials) state_->dial(node);
}

void NodeLinks::forget(uint16_t node) {
    state_->peers.erase(node);
    const auto found = state_->up.find(node);
    if (found != state_->up.end()) state_->lost(*found->second);
}

bool NodeLinks::is_up(uint16_t node) const {
    return state_->up.contains(node);
}

bool NodeLinks::send(uint16_t node, const ports::Letter& letter) {
    const auto found = state_->up.find(node);
    std::string frame;
    const bool sent = found != state_->up.end() && wire::append_letter(frame, letter) &&
                      found->second->socket->send(frame);
    ++(sent ? state_->letters_out : state_->refused);
    return sent;
}

void NodeLinks::send_heartbeat(const wire::Heartbeat& heartbeat) {
    std::string frame;
    if (!wire::append_heartbeat(frame, heartbeat)) return;
    for (auto& [node, link] : state_->up) link->socket->send(frame);
}

void NodeLinks::announce(const wire::Hello& self) {
    state_->self = self;
    for (auto& [node, link] : state_->up) state_->greet(*link);
}

std::vector<std::pair<std::string, double>> NodeLinks::figures() const {
    return {{"links_up", static_cast<double>(state_->up.size())},
            {"link_letters_received_total", static_cast<double>(state_->letters_in)},
            {"link_letters_sent_total", static_cast<double>(state_->letters_out)},
            {"link_letters_refused_total", static_cast<double>(state_->refused)},
            {"links_broken_total", static_cast<double>(state_->broken)}};
}

}  // namespace tandem::runtime
