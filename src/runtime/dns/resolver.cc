#include "runtime/dns/resolver.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <sys/stat.h>

#include <array>
#include <fstream>
#include <map>
#include <sstream>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "runtime/dns/dns_reply.h"
#include "runtime/dns/limits.h"

namespace tandem::runtime {

namespace {

using sip::DnsAnswer;
using sip::DnsQuestion;
using sip::DnsType;

int wire_type(DnsType type) {
    switch (type) {
        case DnsType::A:
            return ns_t_a;
        case DnsType::Aaaa:
            return ns_t_aaaa;
        case DnsType::Srv:
            return ns_t_srv;
        case DnsType::Naptr:
            return ns_t_naptr;
    }
    return ns_t_a;
}

// Absence and failure are not the same: the first is an answer.
bool is_absence(int status) {
    return status == ARES_ENODATA || status == ARES_ENOTFOUND;
}

}  // namespace

struct Resolver::State {
    struct Cached {
        DnsAnswer answer;
        Instant expires;
    };
    struct Socket {
        std::unique_ptr<FdWatch> watch;
        bool reads = false;
        bool writes = false;
        uint64_t serial = 0;  // a descriptor's number is used again
    };
    struct Ask {  // handed through c-ares
        State* state;
        DnsQuestion question;
    };

    using FileStamps = std::array<std::tuple<uint64_t, int64_t, int64_t>, 2>;

    State(Reactor& on, const ResolverConfig& how);
    ~State();

    Reactor& reactor;
    ResolverConfig config;
    ares_channel channel = nullptr;
    FileStamps read_files{};  // as they were when they were read
    Instant files_due;        // to be looked at again
    Timer timer;
    std::map<DnsQuestion, Cached> cache;
    std::map<DnsQuestion, std::vector<Answered>> waiting;
    std::map<DnsQuestion, std::vector<IpAddress>> hosts;
    std::map<int, Socket> sockets;
    uint64_t next_serial = 1;
    std::shared_ptr<bool> alive = std::make_shared<bool>(true);

    void open_channel();
    FileStamps file_stamps() const;
    void follow_files();
    void load_hosts(const std::string& path);
    void on_socket(int fd, bool readable, bool writable);
    void watch(int fd, FdWatch::Interest interest);
    void process(int read_fd, int write_fd);
    void set_timer();
    void query(const DnsQuestion& question, Answered answered);
    void later(Answered answered, DnsAnswer answer);
    std::optional<DnsAnswer> known(const DnsQuestion& question);
    void complete(const DnsQuestion& question, const DnsAnswer& answer);
    void remember(const DnsAnswer& answer);
};

Resolver::State::State(Reactor& on, const ResolverConfig& how)
    : reactor(on), config(how), timer(on) {
    CHECK(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
    open_channel();
    load_hosts(config.hosts_file);
    read_files = file_stamps();
    files_due = reactor.now().mono + config.files_every;
}

void Resolver::State::open_channel() {
    ares_options options{};
    options.timeout = static_cast<int>(config.try_timeout.count());
    options.tries = config.tries;
    options.sock_state_cb = [](void* data, ares_socket_t fd, int readable, int writable) {
        static_cast<State*>(data)->on_socket(fd, readable != 0, writable != 0);
    };
    options.sock_state_cb_data = this;
    options.resolvconf_path = config.resolv_conf.data();
    CHECK(ares_init_options(&channel, &options,
                            ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
                                ARES_OPT_RESOLVCONF) == ARES_SUCCESS);
    if (config.servers.empty()) return;
    std::string list;
    for (const SocketAddress& server : config.servers) {
        if (!list.empty()) list.push_back(',');
        list.append(server.text());
    }
    CHECK(ares_set_servers_ports_csv(channel, list.c_str()) == ARES_SUCCESS);
}

// When each file was changed last, and which it is.
Resolver::State::FileStamps Resolver::State::file_stamps() const {
    FileStamps stamps{};
    for (const std::string* path : {&config.resolv_conf, &config.hosts_file}) {
        struct stat found {};
        const bool is_there = stat(path->c_str(), &found) == 0;
        auto& stamp = stamps[path == &config.hosts_file ? 1 : 0];
        if (is_there) {
            stamp = {static_cast<uint64_t>(found.st_ino), found.st_mtim.tv_sec,
                     found.st_mtim.tv_nsec};
        }
    }
    return stamps;
}

// DHCP, VPNs and operators change them under a program that runs for months. c-ares reads only when
// it begins, so it begins anew, once nothing is on its way.
void Resolver::State::follow_files() {
    const Instant now = reactor.now().mono;
    if (now < files_due || !waiting.empty()) return;
    files_due = now + config.files_every;
    FileStamps stamps = file_stamps();
    if (stamps == read_files) return;
    read_files = stamps;
    timer.cancel();
    ares_destroy(channel);
    sockets.clear();
    open_channel();
    hosts.clear();
    load_hosts(config.hosts_file);
    cache.clear();
}

Resolver::State::~State() {
    *alive = false;
    waiting.clear();
    ares_destroy(channel);  // answers what is under way with ARES_EDESTRUCTION
    ares_library_cleanup();
}

// RFC 6761 6.3 for localhost; the rest as the operator's file has it (hosts(5)).
void Resolver::State::load_hosts(const std::string& path) {
    const auto add = [this](const std::string& name, const IpAddress& ip) {
        const DnsType type = ip.family == AddressFamily::V4 ? DnsType::A : DnsType::Aaaa;
        hosts[{to_lower(name), type}].push_back(ip);
    };
    std::ifstream file(path);
    std::string line;
    while (std::getline(file, line)) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string word;
        words >> word;
        const auto ip = IpAddress::parse(word);
        if (!ip) continue;
        while (words >> word) add(word, *ip);
    }
    if (!hosts.contains({"localhost", DnsType::A})) {
        add("localhost", *IpAddress::parse("127.0.0.1"));
    }
    if (!hosts.contains({"localhost", DnsType::Aaaa})) add("localhost", *IpAddress::parse("::1"));
}

void Resolver::State::on_socket(int fd, bool readable, bool writable) {
    if (!readable && !writable) {
        sockets.erase(fd);
        return;
    }
    Socket& socket = sockets[fd];
    if (!socket.watch) {
        socket.watch = std::make_unique<FdWatch>(reactor, fd);
        socket.serial = next_serial++;
    }
    const bool start_reading = readable && !std::exchange(socket.reads, readable);
    const bool start_writing = writable && !std::exchange(socket.writes, writable);
    socket.reads = readable;
    socket.writes = writable;
    if (start_reading) watch(fd, FdWatch::Interest::Read);
    if (start_writing) watch(fd, FdWatch::Interest::Write);
}

void Resolver::State::watch(int fd, FdWatch::Interest interest) {
    const uint64_t serial = sockets.at(fd).serial;
    sockets.at(fd).watch->wait(interest, [this, fd, interest, serial] {
        const bool read = interest == FdWatch::Interest::Read;
        process(read ? fd : ARES_SOCKET_BAD, read ? ARES_SOCKET_BAD : fd);
        const auto socket = sockets.find(fd);
        if (socket == sockets.end() || socket->second.serial != serial) return;
        if (read ? socket->second.reads : socket->second.writes) watch(fd, interest);
    });
}

void Resolver::State::process(int read_fd, int write_fd) {
    ares_process_fd(channel, read_fd, write_fd);
    set_timer();
}

void Resolver::State::set_timer() {
    timeval wait{};
    if (ares_timeout(channel, nullptr, &wait) == nullptr) return timer.cancel();
    timer.arm(std::chrono::seconds(wait.tv_sec) + std::chrono::microseconds(wait.tv_usec) + 1ms,
              [this] { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); });
}

std::optional<DnsAnswer> Resolver::State::known(const DnsQuestion& question) {
    const auto host = hosts.find(question);
    if (host != hosts.end()) {
        DnsAnswer answer;
        answer.question = question;
        answer.outcome = DnsAnswer::Outcome::Records;
        answer.addresses = host->second;
        answer.ttl_s = static_cast<uint32_t>(dns_files_every.count());
        return answer;
    }
    const auto found = cache.find(question);
    if (found == cache.end()) return std::nullopt;
    const Instant now = reactor.now().mono;
    if (found->second.expires <= now) {
        cache.erase(found);
        return std::nullopt;
    }
    DnsAnswer answer = found->second.answer;
    const Duration left = found->second.expires - now;  // so that nobody comes back too late
    answer.ttl_s = static_cast<uint32_t>(std::chrono::ceil<std::chrono::seconds>(left).count());
    return answer;
}

void Resolver::State::later(Answered answered, DnsAnswer answer) {
    reactor.post(
        [answered = std::move(answered), answer = std::move(answer), alive = alive]() mutable {
            if (*alive) answered(answer);
        });
}

void Resolver::State::query(const DnsQuestion& question, Answered answered) {
    follow_files();
    if (auto answer = known(question)) return later(std::move(answered), std::move(*answer));
    const bool asked = waiting.contains(question);
    if (!asked && waiting.size() >= dns_questions_max) {
        DnsAnswer refused;
        refused.question = question;
        refused.outcome = DnsAnswer::Outcome::Failed;
        return later(std::move(answered), std::move(refused));
    }
    waiting[question].push_back(std::move(answered));
    if (asked) return;
    auto* ask = new Ask{this, question};
    ares_query(
        channel, question.name.c_str(), ns_c_in, wire_type(question.type),
        [](void* data, int status, int, unsigned char* bytes, int size) {
            const std::unique_ptr<Ask> ask(static_cast<Ask*>(data));
            if (status == ARES_EDESTRUCTION) return;
            DnsAnswer answer;
            answer.question = ask->question;
            answer.outcome =
                is_absence(status) ? DnsAnswer::Outcome::NoRecords : DnsAnswer::Outcome::Failed;
            const BytesView reply(bytes, size > 0 ? size_t(size) : 0);
            answer.ttl_s = is_absence(status) ? absence_ttl(reply) : dns_failure_ttl_s;
            if (status == ARES_SUCCESS && size > 0) answer = read_dns_reply(ask->question, reply);
            ask->state->complete(ask->question, answer);
        },
        ask);
    set_timer();
}

void Resolver::State::complete(const DnsQuestion& question, const DnsAnswer& answer) {
    remember(answer);
    auto node = waiting.extract(question);
    if (node.empty()) return;
    for (Answered& answered : node.mapped()) later(std::move(answered), answer);
}

void Resolver::State::remember(const DnsAnswer& answer) {
    if (answer.ttl_s == 0) return;
    const Instant now = reactor.now().mono;
    if (cache.size() >= dns_cache_max) {
        std::erase_if(cache, [&](const auto& entry) { return entry.second.expires <= now; });
    }
    if (cache.size() >= dns_cache_max) cache.erase(cache.begin());
    cache[answer.question] = {answer, now + std::chrono::seconds(answer.ttl_s)};
}

Resolver::Resolver(Reactor& reactor, const ResolverConfig& config)
    : state_(std::make_unique<State>(reactor, config)) {}
Resolver::~Resolver() = default;

void Resolver::query(const DnsQuestion& question, Answered answered) {
    state_->query({to_lower(question.name), question.type}, std::move(answered));
}

namespace {
// One look-up under way; kept alive by the questions that it waits for.
struct LookUp : std::enable_shared_from_this<LookUp> {
    LookUp(Resolver& by, const sip::LocateRequest& request, Rng& rng, Resolver::Located to)
        : resolver(by), locator(request, rng), located(std::move(to)) {}
    Resolver& resolver;
    sip::Locator locator;
    Resolver::Located located;

    void go_on() {
        if (!located) return;
        for (const DnsQuestion& question : locator.take_questions()) {
            resolver.query(question, [self = shared_from_this()](const DnsAnswer& answer) {
                self->locator.on_answer(answer);
                self->go_on();
            });
        }
        if (!locator.result() || !located) return;
        auto tell = std::exchange(located, nullptr);
        tell(*locator.result(), locator.facts());
    }
};
}  // namespace

void Resolver::locate(const sip::LocateRequest& request, Rng& rng, Located located) {
    auto look_up = std::make_shared<LookUp>(*this, request, rng, std::move(located));
    state_->reactor.post([look_up, alive = state_->alive] {
        if (*alive) look_up->go_on();
    });
}

void Resolver::forget_all() {
    state_->cache.clear();
}
size_t Resolver::cached() const {
    return state_->cache.size();
}

}  // namespace tandem::runtime
