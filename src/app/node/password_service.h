// Argon2id (RFC 9106) for whoever asks kPasswords, on a thread of its own: one hash takes tens of
// milliseconds, in which a shard would answer nobody.
#pragma once

#include <functional>
#include <vector>

#include "ports/letter.h"
#include "runtime/reactor/shard.h"

namespace tandem::app {

class PasswordService final : public runtime::Driver {
 public:
    // `reply` is called on the thread of this service.
    explicit PasswordService(std::function<void(ports::Letter)> reply);

    void start() { shard_.start(*this); }
    void stop();
    // False: too many wait already, and the letter is untouched.
    bool send(ports::Letter&& letter) { return shard_.send(std::move(letter)); }

    void on_letters(Now now, std::vector<ports::Letter>&& letters) override;
    void on_timeout(Now) override {}
    std::optional<Instant> next_deadline() const override { return std::nullopt; }

 private:
    std::function<void(ports::Letter)> reply_;
    runtime::Shard shard_;
};

// The hash names its parameters (PHC string format), so that they may be raised later.
ports::PasswordChecked check_password(const ports::PasswordCheck& check);

}  // namespace tandem::app
