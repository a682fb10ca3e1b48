// history_fill FILE ROWS: fills a history with records like those of a day's calls until it has
// ROWS, then asks it each kind of question, and prints a line of JSON for each figure.
//
// 200 domains of very different size (the largest has a fifth of all calls), 100 accounts each;
// 70 % answered, a few long, a few with rare statuses; a record is about 1.9 kB, as real ones are.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "base/rng.h"
#include "model/codec.h"
#include "runtime/sqlite/cdr_history.h"

using namespace tandem;

namespace {

constexpr size_t kDomains = 200;
constexpr size_t kAccounts = 100;
constexpr size_t kBatch = 1000;
constexpr int64_t kFirst = 1'780'000'000'000;
constexpr int64_t kApart = 3;  // ms between two calls: 300 calls/s
constexpr int kRepeats = 9;    // of each question

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

[[noreturn]] void fail(const std::string& why) {
    std::fprintf(stderr, "history_fill: %s\n", why.c_str());
    std::exit(1);
}

template <typename T>
T must(Result<T> result) {
    if (!result.has_value()) fail(result.error().message);
    return std::move(*result);
}

// Who there is: the same for the same seed, so that a file that is kept can be asked again.
class People {
 public:
    People() {
        for (size_t i = 0; i < kDomains; ++i) {
            domains.push_back(DomainId::mint(UtcTime{1}, rng_));
            for (size_t j = 0; j < kAccounts; ++j)
                accounts.push_back(AccountId::mint(UtcTime{1}, rng_));
        }
    }
    std::vector<DomainId> domains;
    std::vector<AccountId> accounts;

 private:
    SeededRng rng_{1};
};

class Calls {
 public:
    explicit Calls(const People& people) : people_(people) {}

    model::Cdr make(uint64_t number) {
        const uint64_t dice = rng_.below(1'000'000);
        // A fifth of all calls are of domain 0, the rest is spread evenly.
        const size_t domain = dice % 5 == 0 ? 0 : rng_.below(kDomains);
        model::Cdr cdr;
        cdr.start = UtcTime{kFirst + static_cast<int64_t>(number) * kApart};
        cdr.call = CallId::mint(cdr.start, rng_);
        cdr.id = CdrId{cdr.call.bits};
        cdr.domain = people_.domains[domain];
        const size_t caller = rng_.below(kAccounts);
        cdr.caller = {std::to_string(1000 + caller), "Somebody With A Name",
                      people_.accounts[domain * kAccounts + caller]};
        const bool outside = dice % 10 < 4;
        cdr.direction = outside ? model::CallDirection::Outgoing : model::CallDirection::Internal;
        cdr.dialled = outside ? "+7926" + std::to_string(1'000'000 + rng_.below(9'000'000))
                              : std::to_string(1000 + rng_.below(kAccounts));
        cdr.callee.number = cdr.dialled;
        if (!outside)
            cdr.callee.account =
                people_.accounts[domain * kAccounts + std::stoul(cdr.dialled) - 1000];
        end(cdr, dice);
        cdr.route = {{"account", "the number is one of the domain"}};
        for (const bool is_caller : {true, false}) cdr.legs.push_back(leg(cdr, is_caller));
        return cdr;
    }

 private:
    void end(model::Cdr& cdr, uint64_t dice) {
        cdr.result = dice % 100 < 70   ? model::CallResult::Answered
                     : dice % 100 < 80 ? model::CallResult::Busy
                     : dice % 100 < 90 ? model::CallResult::NoAnswer
                                       : model::CallResult::Cancelled;
        constexpr int statuses[] = {200, 486, 480, 603, 487, 500};
        cdr.sip_status = statuses[static_cast<size_t>(cdr.result)];
        if (dice < 20) cdr.sip_status = 503;  // one in 50 000
        int64_t seconds = 1 + static_cast<int64_t>(rng_.below(240));
        if (dice % 1000 == 7) seconds = 600 + static_cast<int64_t>(rng_.below(3'000));
        if (dice % 100'000 == 7) seconds += 4 * 3600;
        if (cdr.result != model::CallResult::Answered) seconds = 0;
        cdr.duration = std::chrono::seconds(seconds);
        if (seconds != 0) cdr.answer = UtcTime{cdr.start.unix_ms + 5'000};
        cdr.end = UtcTime{cdr.start.unix_ms + 5'000 + seconds * 1000};
    }
    model::CdrLeg leg(const model::Cdr& cdr, bool is_caller) {
        model::CdrLeg leg;
        leg.call_id = rng_.token(24);
        leg.party = is_caller ? cdr.caller : cdr.callee;
        leg.side = is_caller ? model::LegSide::Caller : model::LegSide::Callee;
        leg.user_agent = "A Phone Of Some Make/7.2.1";
        leg.start = cdr.start;
        leg.answer = cdr.answer;
        leg.end = cdr.end;
        leg.sip_status = cdr.sip_status;
        model::CdrStream& stream = leg.streams.emplace_back();
        stream.codec = "PCMA";
        stream.packets_received = stream.packets_sent = cdr.duration.count() / 20;
        stream.bytes_received = stream.bytes_sent = cdr.duration.count() * 8;
        stream.jitter_ms = 1.25;
        stream.mos = 4.3;
        return leg;
    }

    const People& people_;
    SeededRng rng_{2};
};

void fill(runtime::CdrHistory& history, const People& people, uint64_t rows) {
    uint64_t has = 0;
    for (const DomainId& domain : people.domains) has += must(history.count(domain));
    if (has >= rows) return;
    if (has != 0) fail("the file has other records: give a new one");
    Calls calls(people);
    std::vector<std::string> texts;
    double in_insert = 0, bytes = 0;
    auto shown = Clock::now();
    for (uint64_t i = 0; i < rows; ++i) {
        texts.push_back(model::encode(calls.make(i), model::Audience::Store));
        bytes += static_cast<double>(texts.back().size());
        if (texts.size() < kBatch && i + 1 < rows) continue;
        const std::vector<std::string_view> views(texts.begin(), texts.end());
        const auto begin = Clock::now();
        (void)must(history.insert(views));
        in_insert += ms_since(begin);
        texts.clear();
        if (ms_since(shown) < 5'000) continue;
        shown = Clock::now();
        std::fprintf(stderr, "history_fill: %llu of %llu records, %.1f us each\n",
                     static_cast<unsigned long long>(i + 1), static_cast<unsigned long long>(rows),
                     in_insert * 1000 / static_cast<double>(i + 1));
    }
    const auto count = static_cast<double>(rows);
    std::printf("{\"name\":\"a record taken in\",\"unit\":\"us\",\"value\":%.2f}\n",
                in_insert * 1000 / count);
    std::printf("{\"name\":\"a record's text\",\"unit\":\"bytes\",\"value\":%.0f}\n",
                bytes / count);
}

// The median; where a page came back short, with what it took to fill it or to find the end.
void ask(runtime::CdrHistory& history, const char* name, const runtime::CdrQuery& asked) {
    std::vector<double> times;
    size_t found = 0, pages = 0;
    for (int i = 0; i < kRepeats; ++i) {
        runtime::CdrQuery query = asked;
        found = pages = 0;
        const auto begin = Clock::now();
        do {
            query.limit = asked.limit - found;
            const auto page = must(history.query(query));
            found += page.items.size();
            query.cursor = page.next;
            ++pages;
        } while (!query.cursor.empty() && found < asked.limit);
        times.push_back(ms_since(begin));
    }
    std::ranges::sort(times);
    std::printf("{\"name\":\"%s\",\"unit\":\"ms\",\"value\":%.2f,\"found\":%zu,\"pages\":%zu}\n",
                name, times[times.size() / 2], found, pages);
    std::fflush(stdout);
}

void ask_all(runtime::CdrHistory& history, const People& people, uint64_t rows) {
    const int64_t span = static_cast<int64_t>(rows) * kApart;
    runtime::CdrQuery large, small, any;
    large.domain = people.domains[0];
    small.domain = people.domains[7];
    const auto with = [](runtime::CdrQuery query,
                         const std::function<void(runtime::CdrQuery&)>& change) {
        change(query);
        return query;
    };
    const std::pair<const char*, runtime::CdrQuery*> scopes[] = {
        {"a large domain", &large}, {"a small domain", &small}, {"all domains", &any}};
    for (const auto& [scope, base] : scopes) {
        const auto each = [&](const char* what,
                              const std::function<void(runtime::CdrQuery&)>& change) {
            ask(history, (std::string(what) + ", " + scope).c_str(), with(*base, change));
        };
        each("the newest", [](auto&) {});
        each("an old day's", [&](auto& q) {
            q.from = UtcTime{kFirst + span / 4};
            q.to = UtcTime{kFirst + span / 2};
        });
        each("an account's", [&](auto& q) {
            q.account = people.accounts[(base == &small ? 7 : 0) * kAccounts + 5];
        });
        each("a number's", [](auto& q) { q.number = "1005"; });
        each("numbers that begin with 100", [](auto& q) { q.number = "100*"; });
        each("numbers that begin with +79261234", [](auto& q) { q.number = "+79261234*"; });
        each("busy", [](auto& q) { q.result = model::CallResult::Busy; });
        each("a direction without calls",
             [](auto& q) { q.direction = model::CallDirection::Transit; });
        each("a rare status", [](auto& q) { q.sip_status = 503; });
        each("longer than an hour",
             [](auto& q) { q.duration_min = std::chrono::milliseconds(3'600'000); });
        each("an account's that were busy", [&](auto& q) {
            q.account = people.accounts[(base == &small ? 7 : 0) * kAccounts + 5];
            q.result = model::CallResult::Busy;
        });
        each("a page of 1000", [](auto& q) { q.limit = 1000; });
    }
    SeededRng rng{3};
    ask(history, "a call that is not there",
        with(any, [&](auto& q) { q.call = CallId::mint(UtcTime{kFirst}, rng); }));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) fail("usage: history_fill FILE ROWS");
    const uint64_t rows = std::strtoull(argv[2], nullptr, 10);
    if (rows == 0) fail("ROWS must be a number from 1");
    const auto history = must(runtime::CdrHistory::open(argv[1]));
    const People people;
    fill(*history, people, rows);
    ask_all(*history, people, rows);
    return 0;
}
