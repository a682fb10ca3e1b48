#include "runtime/etcd/e2e/test_cluster.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/check.h"
#include "runtime/reactor/native_address.h"
#include "runtime/reactor/unique_fd.h"

// Threads of gRPC may end after main() has: the random generators and lists of errors that OpenSSL
// has for each thread are nobody's then. They are known by whole stacks only, as OpenSSL has no
// frame pointers.
extern "C" const char* __asan_default_options() {
    return "fast_unwind_on_malloc=0";
}
extern "C" const char* __lsan_default_suppressions() {
    return "leak:RAND_get0_public\nleak:RAND_get0_private\nleak:ERR_";
}

namespace tandem::runtime {

TestFolder::TestFolder() {
    std::string name = std::filesystem::temp_directory_path() / "tandem-etcd-XXXXXX";
    const char* made = ::mkdtemp(name.data());
    CHECK(made != nullptr);
    path_ = made;
}

TestFolder::~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string test_address() {
    const auto process = static_cast<unsigned>(::getpid());
    return "127." + std::to_string(1 + process / 65536) + "." +
           std::to_string(process / 256 % 256) + "." + std::to_string(process % 256);
}

std::string free_address() {
    const UniqueFd fd(socket(AF_INET, SOCK_STREAM, 0));
    const NativeAddress any(*SocketAddress::parse(test_address() + ":0"));
    CHECK(bind(fd.get(), any.get(), any.size) == 0);
    return local_address_of(fd.get()).text();
}

TestCluster::TestCluster(Reactor& reactor, size_t members, EtcdTlsFiles tls)
    : reactor_(reactor), tls_(std::move(tls)) {
    std::vector<EtcdPeer> founders;
    for (size_t i = 0; i < members; ++i)
        founders.push_back({"m" + std::to_string(i), free_address()});
    for (const EtcdPeer& founder : founders) {
        EtcdMemberSpec spec;
        spec.name = founder.name;
        spec.data_directory = folder_.file(founder.name);
        spec.client_address = free_address();
        spec.peer_address = founder.address;
        spec.members = founders;
        spec.cluster_token = folder_.path();
        spec.client_tls = tls_;
        spec.peer_tls = tls_;
        specs_.push_back(std::move(spec));
        processes_.emplace_back();
        start(specs_.size() - 1);
    }
    leader();
}

TestCluster::~TestCluster() {
    for (size_t i = 0; i < processes_.size(); ++i) {
        if (processes_[i]->pid() == 0) continue;
        signal(i, SIGCONT);
        kill(i);
    }
}

std::vector<std::string> TestCluster::endpoints() const {
    std::vector<std::string> addresses;
    addresses.reserve(size());
    for (const EtcdMemberSpec& spec : specs_) addresses.push_back(spec.client_address);
    return addresses;
}

void TestCluster::start(size_t member) {
    ProcessSpec process;
    process.name = specs_[member].name;
    process.program = specs_[member].program;
    process.arguments = etcd_arguments(specs_[member]);
    process.output_file = folder_.file(specs_[member].name + ".log");
    processes_[member] = std::make_unique<Supervised>(reactor_, folder_.path(), process);
    CHECK(processes_[member]->start().has_value());
}

void TestCluster::signal(size_t member, int signal) {
    CHECK(processes_[member]->pid() > 1);
    ::kill(processes_[member]->pid(), signal);
}

void TestCluster::kill(size_t member) {
    bool ended = false;
    processes_[member]->on_end([&](ProcessEnd) { ended = true; });
    ::kill(processes_[member]->pid(), SIGKILL);
    CHECK(reactor_.run_until([&] { return ended; }, test_patience));
    processes_[member]->on_end({});
    processes_[member]->stop([] {});
}

void TestCluster::look_until(
    const std::function<bool(const std::vector<EtcdMemberStatus>&)>& done) {
    auto admin = EtcdAdmin::open(reactor_, endpoints(), tls_);
    CHECK(admin.has_value());
    std::vector<EtcdMemberStatus> answers(size());
    size_t waiting = 0;
    const auto look = [&] {
        if (waiting > 0) return false;
        if (done(std::exchange(answers, std::vector<EtcdMemberStatus>(size())))) return true;
        waiting = size();
        for (size_t i = 0; i < size(); ++i) {
            (*admin)->status(i, [&, i](const Result<EtcdMemberStatus>& status) {
                --waiting;
                if (status) answers[i] = *status;
            });
        }
        return false;
    };
    CHECK(reactor_.run_until(look, test_patience));
}

size_t TestCluster::leader() {
    size_t found = 0;
    look_until([&](const std::vector<EtcdMemberStatus>& statuses) {
        for (found = 0; found < statuses.size(); ++found)
            if (statuses[found].id != 0 && statuses[found].leader == statuses[found].id)
                return true;
        return false;
    });
    return found;
}

void TestCluster::await_all() {
    look_until([](const std::vector<EtcdMemberStatus>& statuses) {
        return std::all_of(statuses.begin(), statuses.end(),
                           [](const EtcdMemberStatus& status) { return status.leader != 0; });
    });
}

TestStore::TestStore(Reactor& on, EtcdOptions options) : reactor(on) {
    auto opened = EtcdStore::open(on, std::move(options), [this](store::Outbox out) {
        for (auto& reply : out.replies) replies.push_back(std::move(reply));
        for (auto& batch : out.watches) batches.push_back(std::move(batch));
    });
    CHECK(opened.has_value());
    store = std::move(*opened);
}

store::RequestId TestStore::send(store::RequestBody body) {
    store->send({++last_id, std::move(body)});
    return last_id;
}

const store::Reply* TestStore::reply_to(store::RequestId id) const {
    for (const store::Reply& reply : replies)
        if (reply.id == id) return &reply;
    return nullptr;
}

Result<store::ReplyBody> TestStore::ask(store::RequestBody body) {
    const store::RequestId id = send(std::move(body));
    if (!reactor.run_until([&] { return reply_to(id) != nullptr; }, test_patience))
        return make_error(ErrorCode::Internal, "test", "no reply at all");
    auto answer = reply_to(id)->body;
    std::erase_if(replies, [&](const store::Reply& reply) { return reply.id == id; });
    return answer;
}

Result<store::TxnReply> TestStore::put(std::string key, std::string value) {
    auto reply = ask(store::Txn{{}, {store::Put{std::move(key), std::move(value), 0}}, {}});
    if (!reply) return reply.error();
    return std::get<store::TxnReply>(*reply);
}

std::string TestStore::value(std::string key) {
    const auto reply = ask(store::RangeRequest{store::KeyRange::one(std::move(key))});
    if (!reply) return {};
    const auto& range = std::get<store::RangeReply>(*reply);
    return range.items.empty() ? std::string() : range.items.front().value;
}

}  // namespace tandem::runtime
