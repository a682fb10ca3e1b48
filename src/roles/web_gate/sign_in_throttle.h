// How often passwords may be tried. Tries are counted for an address, and for an address with the
// name that was tried there, so that nobody can lock another out from elsewhere. Names that do not
// exist count like those that do. A try counts from its beginning, so that many at once are no way
// around, and is taken back when the password was right. A count falls by one in each pause; at its
// bound the next try is refused before any password is looked at.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/instant.h"

namespace tandem::roles::web_gate {

class SignInThrottle {
 public:
    // Zero: it may be tried now. Otherwise how long to wait for that, in whole seconds.
    std::chrono::seconds wait_for(Instant now, std::string_view address,
                                  std::string_view name) const;
    void on_try(Instant now, std::string_view address, std::string_view name);
    // No password was looked at.
    void take_back(std::string_view address, std::string_view name);
    // A right password: what was mistyped before is forgotten. The address keeps those of before,
    // as who owns one account may be after others.
    void on_success(std::string_view address, std::string_view name);
    size_t size() const { return entries_.size(); }

 private:
    struct Entry {
        Instant forgotten_at;  // each try moves it on by a pause
        Duration pause{0};
        int bound = 0;
    };
    void count(Instant now, const std::string& key, int bound, Duration pause);
    void uncount(const std::string& key);
    std::chrono::seconds wait_of(Instant now, const std::string& key) const;

    std::unordered_map<std::string, Entry> entries_;
    Instant sweep_at_;  // of what is forgotten, while the table is full: it takes looking at all
};

}  // namespace tandem::roles::web_gate
