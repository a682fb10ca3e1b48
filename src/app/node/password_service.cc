#include "app/node/password_service.h"

#include <sodium.h>

#include <cstring>

namespace tandem::app {
namespace {

// The lesser of OWASP's equal recommendations for Argon2id: 19 MiB and two passes, some 25 ms here.
constexpr unsigned long long kPasses = 2;
constexpr size_t kMemory = size_t{19} << 20;
// More than these, and whoever signs in last would give up before his turn comes: they are told
// at once to try again. Some two seconds of work.
constexpr size_t kWaitingMax = 64;

}  // namespace

ports::PasswordChecked check_password(const ports::PasswordCheck& check) {
    ports::PasswordChecked checked;
    char text[crypto_pwhash_STRBYTES] = {};
    if (sodium_init() < 0) {
        checked.error = make_error(ErrorCode::Internal, "", "libsodium cannot be used");
    } else if (check.hash.empty()) {
        const int failed = crypto_pwhash_str_alg(text, check.password.data(), check.password.size(),
                                                 kPasses, kMemory, crypto_pwhash_ALG_ARGON2ID13);
        checked.hash = text;
        if (failed != 0)
            checked.error = make_error(ErrorCode::Unavailable, "", "there is no memory for a hash");
    } else if (check.hash.size() < sizeof text) {
        std::memcpy(text, check.hash.data(), check.hash.size());
        checked.matches =
            crypto_pwhash_str_verify(text, check.password.data(), check.password.size()) == 0;
    }
    return checked;
}

PasswordService::PasswordService(std::function<void(ports::Letter)> reply)
    : reply_(std::move(reply)), shard_("passwords") {}

void PasswordService::stop() {
    shard_.stop();
    shard_.join();
}

void PasswordService::on_letters(Now, std::vector<ports::Letter>&& letters) {
    for (size_t i = 0; i < letters.size(); ++i) {
        const ports::Letter& letter = letters[i];
        const auto* check = get_if<ports::PasswordCheck>(&letter.payload);
        if (check == nullptr) continue;
        ports::PasswordChecked checked;
        if (i < kWaitingMax) {
            checked = check_password(*check);
        } else {
            checked.error = make_error(ErrorCode::Unavailable, "", "too many sign in at once");
        }
        reply_({letter.to, letter.from, letter.request, std::move(checked)});
    }
}

}  // namespace tandem::app
