// Asks the API again and again, on threads of their own: a read and a write.
#pragma once

#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "app/drill/measure.h"
#include "app/drill/site_view.h"

namespace tandem::drill {

class ApiProbes {
 public:
    // Writes go to the account `login` of the domain. Times are of the monotonic clock.
    ApiProbes(const SiteView& site, std::string domain, std::string login);

    // What was asked since then, and a fresh start.
    std::vector<Probe> take_reads() { return take(reads_); }
    std::vector<Probe> take_writes() { return take(writes_); }

 private:
    void run(const std::stop_token& stop, std::vector<Probe>& probes,
             const std::function<bool(int)>& ask);
    std::vector<Probe> take(std::vector<Probe>& probes);

    SiteView site_;
    std::string domain_;
    std::string login_;
    std::mutex mutex_;
    std::vector<Probe> reads_;
    std::vector<Probe> writes_;
    std::jthread reader_;
    std::jthread writer_;
};

}  // namespace tandem::drill
