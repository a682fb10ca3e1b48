// What finding the route of a call costs with dial plans of different sizes.
//
//   routing_cost RULES...
//
// For each number of rules prints a line "RULES US_A_CALL MS_TO_COMPILE MS_TO_CHECK": processor
// time of one call's route, of the first route after a change of the rules beyond that, and of
// looking for what is odd about all of them.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/rng.h"
#include "model/generated/account.h"
#include "model/generated/domain.h"
#include "routing/dial_plan_check.h"
#include "routing/route.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace {

using namespace tandem;
using model::DialRule;

constexpr int kCalls = 200'000;
const DomainId kDomain{{1, 1}};

double cpu_us() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

std::string digits(Rng& rng, uint64_t count) {
    std::string out;
    while (count-- > 0) out += static_cast<char>('0' + rng.below(10));
    return out;
}

void load(store::CatalogFeed& feed, std::string key, std::string value) {
    store::KeyValue item;
    item.key = std::move(key);
    item.value = std::move(value);
    item.mod_revision = {1, 1};
    feed.load(item);
}

// As plans of providers look: mostly prefixes of the world, some whole numbers, and a few rules for
// certain callers with what many others dial.
std::string mask_of(Rng& rng) {
    const uint64_t kind = rng.below(100);
    if (kind < 75) return "00" + digits(rng, 3 + rng.below(6)) + '*';
    if (kind < 90) return "0" + digits(rng, 4) + "XXXX";
    return kind < 95 ? digits(rng, 6) : "0Z*";
}

std::vector<std::string> fill(store::CatalogFeed& feed, uint64_t count, Rng& rng) {
    std::vector<std::string> dialled;
    for (uint64_t i = 1; i <= count; ++i) {
        DialRule rule;
        rule.id = DialRuleId{{7, i}};
        rule.domain = kDomain;
        rule.name = "r" + std::to_string(i);
        rule.order = static_cast<int>(rng.below(1000));
        rule.dialled = mask_of(rng);
        if (rule.dialled == "0Z*") rule.caller = digits(rng, 4);
        rule.called_number.strip = 1;
        rule.called_number.keep_last = 4;
        load(feed,
             store::keys::in_domain(kDomain, store::DomainKind<DialRule>::segment, rule.id.bits),
             model::encode_stored(rule, {}));
        if (dialled.size() < 5'000) dialled.push_back(rule.dialled);
    }
    // Half of the numbers fit some mask, the others are anything.
    for (std::string& each : dialled) {
        if (rng.below(2) == 0) each = digits(rng, 10);
        for (char& c : each)
            if (c == 'X' || c == 'Z' || c == '*') c = '1';
        each += digits(rng, 2);
    }
    return dialled;
}

void measure(uint64_t count) {
    SeededRng rng(count);
    store::CatalogFeed feed;
    model::Domain domain;
    domain.id = kDomain;
    domain.name = "bench.test";
    load(feed, store::keys::domain(kDomain), model::encode_stored(domain, {}));
    model::Account account;
    account.id = AccountId{{2, 1}};
    account.domain = kDomain;
    account.login = account.number = "1001";
    load(feed, store::keys::account(kDomain, account.id), model::encode_stored(account, {}));
    const std::vector<std::string> dialled = fill(feed, count, rng);
    const store::Catalog catalog = feed.snapshot();
    routing::DialPlans plans;
    size_t steps = 0;
    const auto route = [&](int call) {
        const std::string& number = dialled[static_cast<size_t>(call) % dialled.size()];
        routing::Question question{kDomain, account.id, number, {}};
        question.plans = &plans;
        steps += routing::route(catalog, question).steps.size();
    };
    const double began = cpu_us();
    route(0);
    const double compiled = cpu_us();
    for (int call = 0; call < kCalls / 10; ++call) route(call);
    const double warm = cpu_us();
    for (int call = 0; call < kCalls; ++call) route(call);
    const double routed = cpu_us();
    (void)routing::check_dial_plan(catalog, kDomain);
    const double checked = cpu_us();
    CHECK(steps > static_cast<size_t>(kCalls));
    CHECK(plans.compiled() == 1);
    std::printf("%llu %.4f %.3f %.3f\n", static_cast<unsigned long long>(count),
                (routed - warm) / kCalls, (compiled - began) / 1e3, (checked - routed) / 1e3);
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) measure(std::strtoull(argv[i], nullptr, 10));
    return argc > 1 ? 0 : 2;
}
