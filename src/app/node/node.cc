#include "app/node/node.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "app/config/durable_file.h"
#include "app/node/media_shard.h"
#include "app/version.h"
#include "base/check.h"
#include "runtime/process/process.h"
#include "runtime/reactor/clock.h"
#include "runtime/reactor/limits.h"
#include "runtime/reactor/native_address.h"
#include "runtime/stream/stream_socket.h"

namespace tandem::app {

using roles::host::EventKind;

namespace {

// Of a turn that was not interrupted. What a slower one says is judged again.
constexpr Duration kTurnMost = 40ms;
constexpr auto kCertificatePoll = std::chrono::seconds(2);
constexpr auto kStorePoll = std::chrono::milliseconds(200);
constexpr unsigned kStoreAsked = 5;  // of these polls
constexpr auto kDrainPoll = std::chrono::milliseconds(50);
constexpr int kOverExit = 75;  // EX_TEMPFAIL of sysexits.h: the parent starts it again

ports::LogLine info(std::string text) {
    return {ports::LogLine::Level::Info, std::move(text), {}, {}};
}

}  // namespace

Node::Node(const Bootstrap& bootstrap, uint16_t number, Instant process_start)
    : bootstrap_(bootstrap),
      number_(number),
      process_start_(process_start),
      shard_("node-" + std::to_string(number)) {}

Node::~Node() = default;

Result<std::unique_ptr<Node>> Node::make(const Bootstrap& bootstrap, uint16_t number,
                                         Instant process_start) {
    std::unique_ptr<Node> node(new Node(bootstrap, number, process_start));
    TRY(node->open());
    return node;
}

Result<void> Node::open() {
    keys_ = TRY(load_or_make_site_keys(bootstrap_.data, rng_));
    tokens_ = std::make_unique<ports::TokenMint>(keys_.tokens);
    const std::string admin_token = TRY(load_or_make_admin_token(bootstrap_.data, rng_));
    runtime::JournalConfig journal;
    journal.file = bootstrap_.log_file;
    journal.format = bootstrap_.log_format == "json" ? runtime::JournalFormat::Json
                                                     : runtime::JournalFormat::Logfmt;
    journal.level = bootstrap_.log_level;
    journal.node = number_;
    journal_ = TRY(runtime::Journal::open(journal));
    TRY(open_tls());
    TRY(open_site());
    store_ = std::make_unique<NodeStore>(
        bootstrap_, number_, [this](ports::Letter letter) { take_from_store(std::move(letter)); });
    TRY(store_->open(rng_));
    passwords_ = std::make_unique<PasswordService>(
        [this](ports::Letter letter) { (void)shard_.send(std::move(letter)); });

    const Now now = runtime::read_clocks();
    runtime::Reactor& reactor = shard_.reactor();
    transport_ =
        std::make_unique<runtime::SipTransport>(reactor, shard_.deliverer(), tls_, now.utc);
    http_ = std::make_unique<runtime::HttpServer>(reactor, shard_.deliverer(), tls_);
    take_sip_over_http();
    hello_.node = number_;
    hello_.version = kVersion;
    resolver_ = std::make_unique<runtime::Resolver>(reactor);
    const auto contexts = [this] { return desk_->contexts(); };
    links_ = std::make_unique<runtime::NodeLinks>(
        reactor, runtime::NodeLinksConfig{bootstrap_.data + "/run", contexts, desk_.get()}, hello_,
        *this);
    TRY(links_->listen());

    roles::host::HostSettings settings{number_, 0, kVersion, now.utc};
    factory_ = std::make_unique<NodeRoleFactory>(keys_, admin_token, runtime::machine_addresses,
                                                 desk_->authority_fingerprint());
    host_ = std::make_unique<roles::host::NodeHost>(settings, *tokens_, rng_, *factory_);
    router_ = std::make_unique<roles::host::LetterRouter>(number_, *host_);
    host_->set_runtime_figures([this] { return runtime_figures(); });
    host_->set_shell_answers(
        [this](Now at, const ports::Letter& letter) { desk_->on_answer(at, letter); });
    if (bootstrap_.drills_allowed) allow_drills();
    settings.shard = 1;
    media_ = std::make_unique<MediaShard>(
        settings, keys_, *tokens_,
        [this](ports::Letter&& letter) { return shard_.send(std::move(letter)); },
        [this] { shard_.reactor().post([this] { drive(shard_.reactor().now()); }); });
    desk_->start(*links_, kStoreNode);
    return {};
}

Result<void> Node::open_site() {
    SiteDesk::Around around;
    around.send = [this](ports::Letter letter) { shard_.deliver(std::move(letter)); };
    around.say = [this](const ports::LogLine& line) { journal_->write(line); };
    around.store_role = [this] {
        return host_->directory().active_of_site(ports::RoleKind::Store);
    };
    desk_ = std::make_unique<SiteDesk>(bootstrap_, number_, std::move(around));
    return desk_->open(runtime::read_clocks());
}

// The web ports carry SIP over WebSocket as well, for a gate of this node.
void Node::take_sip_over_http() {
    http_->set_sip_upgrades(
        {[this](const SocketAddress& remote, bool secure) {
             return transport_->websocket_flow(remote, secure).has_value();
         },
         [this](runtime::SipUpgrade upgrade) {
             const auto flow = transport_->websocket_flow(upgrade.remote, upgrade.secure);
             if (!flow) return;
             transport_->adopt_websocket(*flow, std::move(upgrade.socket), upgrade.bytes);
         }});
}

void Node::allow_drills() {
    drills_ = std::make_unique<Drills>(shard_.reactor(), bootstrap_.data + "/run", *links_);
    host_->set_harm([this](const ports::HarmRequest& harm) {
        host_->tell(shard_.reactor().now(),
                    {EventKind::Drill, 0, "a drill was ordered: " + text_of(harm)},
                    ports::LogLine::Level::Warn);
        return drills_->start(harm);
    });
}

// On the store's thread, which may wait: its answers must not be lost.
void Node::take_from_store(ports::Letter letter) {
    while (!shard_.send(std::move(letter))) {  // NOLINT(bugprone-use-after-move): refused, it stays
        usleep(100);
    }
}

Result<void> Node::open_tls() {
    std::string chain = bootstrap_.tls_certificate;
    std::string key = bootstrap_.tls_key;
    if (chain.empty()) {
        runtime::SelfSignedSubject subject;
        subject.common_name = bootstrap_.name;
        subject.dns_names = {bootstrap_.name, "localhost"};
        if (const auto ip = IpAddress::parse(bootstrap_.address)) subject.addresses = {*ip};
        const std::string folder = bootstrap_.data + "/tls";
        TRY(runtime::ensure_self_signed_files(folder, subject, runtime::read_clocks().utc));
        bootstrap_.tls_certificate = chain = folder + "/server.crt";
        bootstrap_.tls_key = key = folder + "/server.key";
    }
    domain_certificates_ = std::make_unique<DomainCertificates>(
        tls_, bootstrap_.data + "/tls/domains",
        [this](const std::string& domain, const Result<void>& outcome) {
            say_domain_certificate(domain, outcome);
        });
    certificate_stamp_ = file_stamp(chain) + file_stamp(key);
    const auto loaded = tls_.load_files("default", chain, key);
    if (loaded.has_value()) return {};
    return make_error(loaded.error().code, "tls_certificate",
                      chain + " and " + key + " cannot be used: " + loaded.error().message);
}

int Node::run(int signals) {
    signal_fd_ = signals;
    signal_watch_ = std::make_unique<runtime::FdWatch>(shard_.reactor(), signal_fd_);
    signal_watch_->wait(runtime::FdWatch::Interest::Read, [this] { on_signal(); });
    certificates_timer_ = std::make_unique<runtime::Timer>(shard_.reactor());
    certificates_timer_->arm_every(kCertificatePoll, [this] { look_after_files(); });
    store_timer_ = std::make_unique<runtime::Timer>(shard_.reactor());
    store_timer_->arm_every(kStorePoll, [this] { follow_store(); });
    store_->start();
    passwords_->start();
    media_->start();
    shard_.reactor().post([this] {
        const Now now = shard_.reactor().now();
        host_->start(now);
        drive(now);
    });
    shard_.reactor().set_pace(runtime::shard_pace);
    shard_.run(*this);
    media_->stop();
    passwords_->stop();
    store_->stop();
    journal_->flush();
    return exit_code_;
}

void Node::on_letters(Now now, std::vector<ports::Letter>&& letters) {
    for (ports::Letter& letter : letters) {
        if (const auto* state = get_if<ports::StoreState>(&letter.payload);
            state != nullptr && letter.to == host_->self()) {
            store_->take_state(*state);
        } else if (router_->way_of(letter).to == roles::host::Way::To::Host) {
            host_->deliver(std::move(letter));
        } else if (letter.from == ports::kKeyValue && letter.to == ports::kJournal) {
            letter.to = host_->self();  // what the store says of itself is an event
            host_->deliver(std::move(letter));
        } else {
            route(std::move(letter));
        }
    }
    drive(now);
}

void Node::on_timeout(Now now) {
    host_->set_progress(std::array{shard_.turns(), media_->turns()});
    host_->on_timeout(now);
    drive(now);
}

std::optional<Instant> Node::next_deadline() const {
    return host_->next_deadline();
}

void Node::drive(Now now) {
    for (ports::Letter& letter : host_->run(now)) route(std::move(letter));
    beat();
    media_->set_confirmed(host_->confirmed(now.mono));
    follow_runs();
    follow_directory();
    follow_settings();
    if (!said_serving_ && host_->is_serving() && host_->is_confirmed() && media_->is_serving())
        say_serving(now);
}

void Node::beat() {
    if (const auto heartbeat = host_->take_heartbeat()) links_->send_heartbeat(*heartbeat);
    if ((!host_->is_over() && !media_->is_over()) || exit_code_ != 0) return;
    journal_->write(
        {ports::LogLine::Level::Error, "the other nodes act for this one: it begins anew", {}, {}});
    exit_code_ = kOverExit;
    shard_.stop();
}

// What the host has no place for is nobody's: it would only come back.
void Node::route(ports::Letter letter) {
    using To = roles::host::Way::To;
    const roles::host::Way way = router_->way_of(letter);
    bool sent = false;
    switch (way.to) {
        case To::Transport:
            // The host has judged by the turn's time, and we may have been stopped since.
            if (runtime::read_monotonic() - shard_.reactor().now().mono > kTurnMost &&
                !host_->may_speak(runtime::read_clocks(), letter.from)) {
                shard_.reactor().want_turn();
                return host_->hold(std::move(letter));
            }
            return transport_->handle(std::move(letter));
        case To::Http:
            return http_->handle(std::move(letter));
        case To::Journal:
            return journal_->handle(letter);
        case To::Resolver:
            return resolve(letter);
        case To::Passwords:
            sent = passwords_->send(std::move(letter));
            break;
        case To::Store:
            sent = send_to_store(letter);
            break;
        case To::Media:
            sent = media_->send(std::move(letter));
            break;
        case To::Node:
            sent = send_to_node(way.node, letter);
            break;
        case To::Host:
        case To::Nobody:
            break;
    }
    if (!sent) answer_unreachable(letter);  // NOLINT(bugprone-use-after-move): refused, it stays
}

namespace {

ports::Transport transport_of(sip::TargetTransport transport) {
    switch (transport) {
        case sip::TargetTransport::Udp:
            return ports::Transport::Udp;
        case sip::TargetTransport::Tcp:
            return ports::Transport::Tcp;
        case sip::TargetTransport::Tls:
            return ports::Transport::Tls;
    }
    return ports::Transport::Udp;
}

}  // namespace

void Node::resolve(const ports::Letter& letter) {
    const auto* query = get_if<ports::ResolveQuery>(&letter.payload);
    if (query == nullptr) return;
    sip::LocateRequest request;
    request.host = query->host;
    if (query->port != 0) request.port = query->port;
    const bool over_tls = !query->any_transport && query->transport == ports::Transport::Tls;
    const bool over_tcp = query->transport == ports::Transport::Tcp;
    request.supported = {sip::TargetTransport::Udp, sip::TargetTransport::Tcp};
    if (over_tls)
        request.supported = {*(request.transport = sip::TargetTransport::Tls)};
    else if (!query->any_transport)
        request.transport = over_tcp ? sip::TargetTransport::Tcp : sip::TargetTransport::Udp;
    const auto answer = [this, to = letter.from, number = letter.request](
                            auto located, const sip::LookUpFacts& facts) {
        ports::ResolveReply reply;
        reply.ttl_s = facts.ttl_s;
        reply.is_partial = facts.is_partial;
        if (facts.unfit) reply.unfit = facts.unfit->text();
        if (!located) reply.failure = located.error().message;
        if (located) {
            for (const sip::Target& target : *located) {
                reply.places.push_back({transport_of(target.transport), target.address, target.rank,
                                        target.server, target.weight});
            }
        }
        shard_.deliver({ports::kResolver, to, number, std::move(reply)});
    };
    resolver_->locate(request, rng_, answer);
}

bool Node::send_to_node(uint16_t node, ports::Letter& letter) {
    return node != number_ && links_->send(node, letter);
}

// Another server's node 1 tells it to those who ask; in one server its file does so sooner.
void Node::follow_store() {
    for (ports::Letter& letter : store_->follow_place()) shard_.deliver(std::move(letter));
    host_->set_keeps_store(store_->is_kept_here());
    if (number_ == kStoreNode || ++store_polls_ % kStoreAsked != 0) return;
    ports::Letter question{host_->self(), ports::kKeyValue, 0, ports::StoreStateQuery{}};
    (void)send_to_node(kStoreNode, question);
}

bool Node::send_to_store(ports::Letter& letter) {
    uint16_t node = kStoreNode;
    if (letter.to == ports::kHistory) {
        node = node_of_history(letter);
    } else if (holds_alternative<store::Request>(letter.payload)) {
        node = store_->node_of_keys();
    } else if (holds_alternative<ports::StoreStateQuery>(letter.payload)) {
        node = store_->node_of_state(host_->directory());
    }
    if (node == number_) return store_->send(std::move(letter));
    store_->note_remote(letter);
    return send_to_node(node, letter);
}

// Each ST fills the history of its own node, and the active one's is asked. A question that has
// come from another node has been sent to us for that: views of who is active may differ for a
// moment.
uint16_t Node::node_of_history(const ports::Letter& letter) const {
    const ports::Directory& directory = host_->directory();
    const auto* asker = directory.find(letter.from);
    const bool is_from_here = asker == nullptr || asker->node == number_;
    const bool is_query = holds_alternative<ports::HistoryQuery>(letter.payload) ||
                          holds_alternative<ports::AuditQuery>(letter.payload);
    if (!is_query || !is_from_here) return number_;
    const auto active = directory.active_of_site(ports::RoleKind::Store);
    const auto* entry = active ? directory.find(*active) : nullptr;
    return entry == nullptr ? 0 : entry->node;
}

void Node::answer_unreachable(const ports::Letter& letter) {
    if (letter.request == 0 || !ports::is_question(letter.payload)) return;
    ports::Letter answer{letter.to, letter.from, letter.request, ports::Unreachable{letter.to}};
    if (router_->is_local_media(letter.from)) {
        media_->send(std::move(answer));
    } else {
        shard_.deliver(std::move(answer));
    }
}

// Membership of nodes follows the layers: links to those that there are, and for the home node of a
// server the list that the parent starts. Before the layers have been read nobody is known; the
// parent must not be told so, as it would stop all other nodes.
void Node::follow_directory() {
    if (!host_->is_serving()) return;
    if (host_->directory().generation() != directory_generation_) {
        directory_generation_ = host_->directory().generation();
        hello_.instances = host_->draining_instances();
        links_->announce(hello_);
    }
    desk_->follow(shard_.reactor().now(), host_->catalog(), host_->directory());
    store_->follow_servers(host_->catalog(), desk_->is_home());
}

void Node::look_after_files() {
    follow_certificates();
    desk_->look_after(shard_.reactor().now());
}

// The other nodes, and our own shards, believe in instances of these runs only.
void Node::follow_runs() {
    const std::vector<uint32_t> runs{host_->run_number(), media_->run_number()};
    if (hello_.runs == runs) return;
    hello_.runs = runs;
    links_->announce(hello_);
    tell_reachable();
}

void Node::say_serving(Now now) {
    said_serving_ = true;
    const double seconds = std::chrono::duration<double>(now.mono - process_start_).count();
    char text[160];
    std::snprintf(text, sizeof text, "tandemd %s node %u serving after %.3f s, data in %s",
                  kVersion, unsigned{number_}, seconds, bootstrap_.data.c_str());
    host_->tell(now, {EventKind::Serving, 0, text});
}

void Node::on_link_hello(const wire::Hello& peer) {
    const auto known = std::ranges::find(reachable_, peer.node, &roles::host::ReachableNode::node);
    if (known != reachable_.end()) {
        known->runs = peer.runs;
        known->draining = peer.instances;
        return tell_reachable();
    }
    reachable_.push_back({peer.node, peer.runs, peer.instances});
    // Of a node of this server the end can be seen; links may break for other reasons.
    processes_[peer.node] = std::make_unique<runtime::ProcessWatch>(
        shard_.reactor(), bootstrap_.data + "/run", "node-" + std::to_string(peer.node),
        [this, node = peer.node] {
            host_->on_process_ended(shard_.reactor().now(), node);
            shard_.reactor().want_turn();
        });
    host_->tell(shard_.reactor().now(),
                {EventKind::Reachable, 0, "node " + std::to_string(peer.node) + " is reachable"});
    tell_reachable();
    if (peer.node != store_->node_of_keys()) return;
    host_->on_store_returned(shard_.reactor().now());
    media_->on_store_returned();
    shard_.reactor().want_turn();
}

void Node::on_link_down(uint16_t node) {
    std::erase_if(reachable_, [&](const auto& each) { return each.node == node; });
    host_->tell(shard_.reactor().now(),
                {EventKind::Unreachable, 0, "node " + std::to_string(node) + " is not reachable"},
                ports::LogLine::Level::Warn);
    tell_reachable();
}

void Node::tell_reachable() {
    std::vector<roles::host::ReachableNode> nodes = reachable_;
    nodes.push_back({number_, hello_.runs, {}});
    host_->set_reachable_nodes(shard_.reactor().now(), nodes);
    media_->set_reachable_nodes(std::move(nodes));
    shard_.reactor().want_turn();
}

void Node::on_link_letter(uint16_t node, ports::Letter letter) {
    if (!host_->admits(letter, node)) return;  // its askers have deadlines
    router_->note_asker(node, letter);
    shard_.deliver(std::move(letter));
}

void Node::on_link_heartbeat(uint16_t, const wire::Heartbeat& heartbeat) {
    const Now now = shard_.reactor().now();
    host_->on_heartbeat(now, heartbeat);
    const auto due = host_->next_deadline();
    if (due && *due <= now.mono) shard_.reactor().want_turn();
}

void Node::on_signal() {
    signalfd_siginfo details;
    while (read(signal_fd_, &details, sizeof details) == sizeof details) ++signals_;
    signal_watch_->wait(runtime::FdWatch::Interest::Read, [this] { on_signal(); });
    if (signals_ >= 2) return shard_.stop();
    if (drain_timer_) return;
    journal_->write(info("draining: no new calls, waiting for the ones that are there"));
    host_->drain(shard_.reactor().now());
    const Instant give_up =
        shard_.reactor().now().mono + std::chrono::seconds(bootstrap_.drain_max_s);
    drain_timer_ = std::make_unique<runtime::Timer>(shard_.reactor());
    drain_timer_->arm_every(kDrainPoll, [this, give_up] {
        const bool done = host_->is_idle() && !is_needed_elsewhere();
        if (done || shard_.reactor().now().mono >= give_up) shard_.stop();
    });
}

// Gates and registrars stay for the calls of B2Bs in other nodes of this server, which drain as
// well.
bool Node::is_needed_elsewhere() const {
    const auto& entries = host_->directory().entries();
    const bool serves = std::ranges::any_of(entries, [this](const auto& e) {
        return e.node == number_ && e.weight > 0 && e.kind != ports::RoleKind::B2bua;
    });
    return serves && std::ranges::any_of(entries, [this](const auto& e) {
               return e.kind == ports::RoleKind::B2bua && e.node != number_ && e.reachable &&
                      desk_->is_own(e.node);
           });
}

}  // namespace tandem::app
