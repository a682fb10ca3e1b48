// MESSAGEs (RFC 3428) that no device of their account took, until one does. Each is in the store
// before its sender is told 202, beside the bindings of its account:
//   binding/<domain>/<account>/message/<key>  ->  JSON
// so it is loaded, followed, handed over and removed with them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/id.h"
#include "base/result.h"
#include "ports/registrar_port.h"

namespace tandem::roles::registrar {

class MessageBook {
 public:
    void put(DomainId domain, AccountId account, ports::StoredMessage message);
    std::optional<ports::StoredMessage> take(AccountId account, uint64_t key);
    // The one that has waited longest; nullptr: none.
    const ports::StoredMessage* oldest(AccountId account) const;
    size_t count_of(AccountId account) const;
    size_t size() const { return size_; }
    void forget(const std::function<bool(DomainId)>& is_gone);
    void clear();
    // One that was sent before `then`.
    struct Found {
        DomainId domain;
        AccountId account;
        uint64_t key = 0;
    };
    std::optional<Found> sent_before(UtcTime then) const;

 private:
    struct Account {
        DomainId domain;
        std::map<uint64_t, ports::StoredMessage> messages;  // keys are in the order of sending
    };
    std::unordered_map<AccountId, Account> accounts_;
    size_t size_ = 0;
};

// Keys rise with time.
uint64_t message_key(UtcTime sent, uint64_t random);
std::string message_store_key(DomainId domain, AccountId account, uint64_t key);
// nullopt: a key of something else.
std::optional<MessageBook::Found> parse_message_key(std::string_view key);
std::string encode_message(const ports::StoredMessage& message);
Result<ports::StoredMessage> decode_message(std::string_view text);

}  // namespace tandem::roles::registrar
