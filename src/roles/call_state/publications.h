// What phones have published of themselves (RFC 3903): each is in the store before its 200, so that
// a restart or a switch of CS loses none. And what watchers are shown of an account, made of that
// and of what the site knows itself.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/id.h"
#include "base/instant.h"
#include "sip/pidf.h"

namespace tandem::roles::call_state {

struct Publication {
    uint64_t key = 0;  // in the store; the same for as long as the phone goes on with it
    DomainId domain;
    AccountId account;
    std::string etag;  // another one after each change
    UtcTime expires;
    sip::PresenceDocument document;

    friend bool operator==(const Publication&, const Publication&) = default;
};

std::string encode_publication(const Publication& publication);
std::optional<Publication> decode_publication(std::string_view json);

// publication/<domain>/<key>
inline constexpr std::string_view keys_of_publications = "publication/";
std::string store_key_of(const Publication& publication);

class Publications {
 public:
    void put(Publication publication);
    std::optional<Publication> take(uint64_t key);
    const Publication* find(uint64_t key) const;
    // nullptr: the account has none of this tag (any more).
    const Publication* find(AccountId account, std::string_view etag) const;
    std::vector<const Publication*> of(AccountId account) const;
    size_t size() const { return by_key_.size(); }
    // When the next one expires.
    std::optional<UtcTime> next_expiry() const;
    std::optional<uint64_t> expired(UtcTime now) const;
    void clear();

 private:
    std::map<uint64_t, Publication> by_key_;
    std::unordered_map<AccountId, std::vector<uint64_t>> of_account_;  // in the order of changes
    std::set<std::pair<int64_t, uint64_t>> by_expiry_;
};

// The first tuple is of all phones: open when one can be reached, unless all that publish say
// closed. Then those of each that publishes; activities and notes of all together.
struct KnownPresence {
    bool is_reachable = false;
    bool is_in_call = false;
};
sip::PresenceDocument composed(KnownPresence known, const std::vector<const Publication*>& of);

}  // namespace tandem::roles::call_state
