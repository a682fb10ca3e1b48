// What a request to etcd costs us: CPU of this process and latency, over members on loopback.
//
//   ./dev build release etcd_measure && build/release/src/runtime/etcd/e2e/etcd_measure [members]
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "runtime/etcd/e2e/test_cluster.h"
#include "runtime/reactor/clock.h"
#include "store/limits.h"

namespace tandem::runtime {
namespace {

double cpu_us() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto us_of = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
    };
    return us_of(usage.ru_utime) + us_of(usage.ru_stime);
}

double us_of(Duration duration) {
    return std::chrono::duration<double, std::micro>(duration).count();
}

// Keeps `at_once` requests under way until `count` have been answered.
class Load {
 public:
    Load(Reactor& reactor, const std::vector<std::string>& endpoints,
         std::function<store::RequestBody(size_t)> make)
        : reactor_(reactor), make_(std::move(make)) {
        auto opened = EtcdStore::open(reactor, {endpoints, {}, 1}, [this](store::Outbox out) {
            for (const store::Reply& reply : out.replies) on_reply(reply);
        });
        store_ = std::move(*opened);
    }
    void run(const char* what, size_t count, size_t at_once) {
        reactor_.run_until([] { return false; }, 300ms);  // to be connected
        begun_.assign(count, Instant{});
        latencies_.clear();
        failed_ = 0;
        next_ = 0;
        const double cpu = cpu_us();
        const Instant start = read_monotonic();
        for (size_t i = 0; i < at_once; ++i) begin_next();
        reactor_.run_until([&] { return latencies_.size() == count; }, 120s);
        const double wall = us_of(read_monotonic() - start);
        std::sort(latencies_.begin(), latencies_.end());
        std::printf("%-34s %6.1f us CPU, %7.0f/s, p50 %6.0f us, p99 %6.0f us, failed %zu\n", what,
                    (cpu_us() - cpu) / static_cast<double>(count),
                    1e6 * static_cast<double>(count) / wall,
                    us_of(latencies_[latencies_.size() / 2]),
                    us_of(latencies_[latencies_.size() * 99 / 100]), failed_);
    }

 private:
    void begin_next() {
        if (next_ >= begun_.size()) return;
        begun_[next_] = read_monotonic();
        store_->send({next_, make_(next_)});
        ++next_;
    }
    void on_reply(const store::Reply& reply) {
        failed_ += reply.body ? 0 : 1;
        latencies_.push_back(read_monotonic() - begun_[reply.id]);
        begin_next();
    }

    Reactor& reactor_;
    std::function<store::RequestBody(size_t)> make_;
    std::unique_ptr<EtcdStore> store_;
    std::vector<Instant> begun_;
    std::vector<Duration> latencies_;
    size_t next_ = 0;
    size_t failed_ = 0;
};

store::RequestBody puts(size_t number, size_t count) {
    store::Txn txn;
    for (size_t i = 0; i < count; ++i)
        txn.then_ops.push_back(store::Put{
            "k" + std::to_string(number % 64) + "/" + std::to_string(i), std::string(200, 'x'), 0});
    return txn;
}

void measure(size_t members) {
    Reactor reactor;
    TestCluster cluster(reactor, members);
    const auto endpoints = cluster.endpoints();
    Load single(reactor, endpoints, [](size_t i) { return puts(i, 1); });
    single.run("one put, one at a time", 1'500, 1);
    single.run("one put, 64 at a time", 6'000, 64);
    Load batched(reactor, endpoints, [](size_t i) { return puts(i, store::txn_ops_max); });
    batched.run("127 puts, one at a time", 400, 1);
    Load reads(reactor, endpoints, [](size_t i) {
        return store::RangeRequest{store::KeyRange::one("k" + std::to_string(i % 64) + "/0")};
    });
    reads.run("one key read, one at a time", 4'000, 1);
    reads.run("one key read, 64 at a time", 20'000, 64);
    const double before = cpu_us();
    reactor.run_until([] { return false; }, 5s);
    std::printf("idle, with four connected stores: %.0f us CPU a second\n",
                (cpu_us() - before) / 5);
}

}  // namespace
}  // namespace tandem::runtime

int main(int argc, char** argv) {
    const size_t members = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1;
    std::printf("%zu member(s)\n", members);
    tandem::runtime::measure(members == 0 ? 1 : members);
    return 0;
}
