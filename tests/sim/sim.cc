// Simulated sites: `sim [--seed N]... [--runs N] [--trace] [--plain]`. See tests/README.md.
//
// One run is a whole site with its phones, from one seed. A batch runs seeds one after the other
// and prints what went wrong with the seed that shows it, and how often each rare path was reached.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "app/node/factory.h"
#include "sim/scenario.h"

// A sanitizer's finding ends in our handler, which names the seed.
extern "C" const char* __asan_default_options() {
    return "abort_on_error=1:handle_abort=0:handle_segv=0";
}
extern "C" const char* __ubsan_default_options() {
    return "abort_on_error=1:print_stacktrace=1";
}

namespace {

using namespace tandem;

struct Arguments {
    std::vector<uint64_t> seeds;
    uint64_t runs = 1;  // from the last seed on
    bool trace = false;
    bool plain = false;     // neither transfers nor queues
    bool twice = false;     // each seed two times: the same must happen
    bool coverage = false;  // a rare path that no seed reached is a failure
    bool quiet = false;
};

char seed_at_work[64] = "no seed yet";

void on_abort(int signal) {
    static constexpr char text[] = "\nsim: the program ended in the run of seed ";
    (void)!write(2, text, sizeof text - 1);
    (void)!write(2, seed_at_work, std::strlen(seed_at_work));
    (void)!write(2, "\n", 1);
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

app::SiteKeys keys() {
    app::SiteKeys keys;
    keys.tokens = {11, 22};
    keys.call_ids = {33, 44};
    keys.seal.fill(7);
    keys.nonces.fill(9);
    return keys;
}

sim::NodeParts make_parts() {
    auto factory = std::make_unique<app::NodeRoleFactory>(
        keys(), "token-of-the-simulated-administrator", [] { return std::vector<IpAddress>(); });
    app::NodeRoleFactory* raw = factory.get();
    return {std::move(factory), [raw] { return raw->media_plane(); }};
}

sim::RunResult run(uint64_t seed, bool trace, bool plain) {
    std::snprintf(seed_at_work, sizeof seed_at_work, "%llu", static_cast<unsigned long long>(seed));
    sim::RunOptions options;
    options.seed = seed;
    options.make_parts = make_parts;
    options.plain = plain;
    if (trace) options.trace = [](const std::string& line) { std::puts(line.c_str()); };
    return sim::run_scenario(options);
}

class Batch {
 public:
    void add(uint64_t seed, const sim::RunResult& result, const Arguments& arguments) {
        ++runs_;
        for (const auto& [name, count] : result.counts) counts_[name] += count;
        sound_.insert(sound_.end(), result.sound_back.begin(), result.sound_back.end());
        const bool failed = !result.failures.empty();
        if (!arguments.quiet || failed) {
            std::printf("seed %llu  %016llx  %s%s\n", static_cast<unsigned long long>(seed),
                        static_cast<unsigned long long>(result.hash), result.profile.c_str(),
                        failed ? "  FAILED" : "");
        }
        for (const std::string& failure : result.failures) {
            std::printf("    %s\n", failure.c_str());
        }
        if (failed) failed_.push_back(seed);
        std::fflush(stdout);
    }
    bool tell(bool coverage) {
        bool good = failed_.empty();
        std::printf("\n%-55s %12s\n", "what was reached", "times");
        const auto& rare = sim::rare_paths();
        for (const auto& [name, count] : counts_) {
            const bool is_rare = std::find(rare.begin(), rare.end(), name) != rare.end();
            std::printf("%c %-53s %12llu\n", is_rare ? '*' : ' ', name.c_str(),
                        static_cast<unsigned long long>(count));
        }
        for (const std::string& name : rare) {
            const auto found = counts_.find(name);
            if (found != counts_.end() && found->second > 0) continue;
            std::printf("* %-53s %12s\n", name.c_str(), "NEVER");
            if (coverage) good = false;
        }
        std::sort(sound_.begin(), sound_.end());
        if (!sound_.empty()) {
            const auto ms = [](Duration time) { return time.count() / 1'000'000; };
            std::printf(
                "sound came back after a death: median %lld ms, worst %lld ms, of %zu calls\n",
                static_cast<long long>(ms(sound_[sound_.size() / 2])),
                static_cast<long long>(ms(sound_.back())), sound_.size());
        }
        std::printf("%llu runs, %zu failed", static_cast<unsigned long long>(runs_),
                    failed_.size());
        for (size_t i = 0; i < failed_.size() && i < 20; ++i) {
            std::printf("%s%llu", i == 0 ? ": seeds " : ", ",
                        static_cast<unsigned long long>(failed_[i]));
        }
        std::printf("\n");
        return good;
    }
    bool has_failed() const { return !failed_.empty(); }
    void fail(uint64_t seed) { failed_.push_back(seed); }

 private:
    uint64_t runs_ = 0;
    std::map<std::string, uint64_t> counts_;
    std::vector<Duration> sound_;
    std::vector<uint64_t> failed_;
};

bool parse(int argc, char** argv, Arguments& arguments) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        const auto number = [&](uint64_t& to) {
            if (i + 1 >= argc) return false;
            char* end = nullptr;
            to = std::strtoull(argv[++i], &end, 10);
            return *end == '\0';
        };
        bool good = true;
        if (word == "--seed") {
            uint64_t seed = 0;
            good = number(seed);
            arguments.seeds.push_back(seed);
        } else if (word == "--runs") {
            good = number(arguments.runs);
        } else if (word == "--trace") {
            arguments.trace = true;
        } else if (word == "--plain") {
            arguments.plain = true;
        } else if (word == "--twice") {
            arguments.twice = true;
        } else if (word == "--coverage") {
            arguments.coverage = true;
        } else if (word == "--quiet") {
            arguments.quiet = true;
        } else {
            good = false;
        }
        if (!good) return false;
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    if (!parse(argc, argv, arguments)) {
        std::fputs(
            "usage: sim [--seed N] [--runs N] [--trace] [--plain] [--twice] [--coverage] "
            "[--quiet]\n",
            stderr);
        return 2;
    }
    std::signal(SIGABRT, on_abort);
    std::signal(SIGSEGV, on_abort);
    if (arguments.seeds.empty()) arguments.seeds.push_back(1);
    for (uint64_t i = 1; i < arguments.runs; ++i) {
        arguments.seeds.push_back(arguments.seeds.back() + 1);
    }
    Batch batch;
    for (const uint64_t seed : arguments.seeds) {
        const sim::RunResult result = run(seed, arguments.trace, arguments.plain);
        batch.add(seed, result, arguments);
        if (!arguments.twice) continue;
        const sim::RunResult again = run(seed, false, arguments.plain);
        if (again.hash == result.hash) continue;
        std::printf("seed %llu is not repeated: %016llx, then %016llx\n",
                    static_cast<unsigned long long>(seed),
                    static_cast<unsigned long long>(result.hash),
                    static_cast<unsigned long long>(again.hash));
        batch.fail(seed);
    }
    return batch.tell(arguments.coverage) ? 0 : 1;
}
