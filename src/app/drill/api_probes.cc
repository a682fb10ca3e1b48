#include "app/drill/api_probes.h"

#include <utility>

#include "app/drill/limits.h"
#include "runtime/reactor/clock.h"

namespace tandem::drill {

ApiProbes::ApiProbes(const SiteView& site, std::string domain, std::string login)
    : site_(site), domain_(std::move(domain)), login_(std::move(login)) {
    reader_ = std::jthread([this](const std::stop_token& stop) {
        run(stop, reads_, [this](int) { return site_.has_account(domain_, login_); });
    });
    writer_ = std::jthread([this](const std::stop_token& stop) {
        run(stop, writes_, [this](int number) {
            const std::string name = "probe " + std::to_string(number);
            return site_.rename_account(domain_, login_, name).has_value();
        });
    });
}

void ApiProbes::run(const std::stop_token& stop, std::vector<Probe>& probes,
                    const std::function<bool(int)>& ask) {
    for (int number = 0; !stop.stop_requested(); ++number) {
        const Instant asked = runtime::read_monotonic();
        const bool served = ask(number);
        const Instant now = runtime::read_monotonic();
        {
            const std::lock_guard lock(mutex_);
            probes.push_back({asked, served ? std::optional(now) : std::nullopt});
        }
        const Duration left = asked + api_period - now;
        if (left > Duration{0}) runtime::sleep_for(left);
    }
}

std::vector<Probe> ApiProbes::take(std::vector<Probe>& probes) {
    const std::lock_guard lock(mutex_);
    return std::exchange(probes, {});
}

}  // namespace tandem::drill
