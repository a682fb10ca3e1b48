// What the catalog holds: whole structs for the few, one packed allocation for an account, of which
// there are a million.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/id.h"
#include "model/generated/account.h"
#include "store/kv.h"
#include "store/persistent_tree.h"

namespace tandem::store {

// An entity with the version of its envelope (the API's ETag) and its place in the store's history.
template <typename T>
struct Entity final : T, Counted {
    uint64_t version = 0;
    Revision revision;
};
template <typename T>
void release(const Entity<T>* entity) {
    delete entity;
}

// An account as the catalog keeps it: a fixed part and its texts behind it, in one piece of memory.
// Views point into the record and live as long as a snapshot that holds it.
class AccountRecord final : public Counted {
 public:
    AccountId id;
    Revision revision;
    uint32_t version = 0;
    bool enabled = true;

    std::string_view login() const { return {texts(), login_size_}; }
    std::string_view number() const { return {texts() + login_size_, number_size_}; }
    std::string_view display_name() const {
        return {texts() + login_size_ + number_size_, display_name_size_};
    }
    // Sealed (model/secret.h).
    BytesView credentials() const {
        const char* begin = texts() + login_size_ + number_size_ + display_name_size_;
        return {reinterpret_cast<const uint8_t*>(begin), credentials_size_};
    }
    std::optional<UserId> user() const {
        return user_.is_nil() ? std::nullopt : std::optional<UserId>(user_);
    }
    std::optional<int> contacts_max() const {
        return contacts_max_ == 0 ? std::nullopt : std::optional<int>(contacts_max_);
    }
    model::Account expand(DomainId domain) const;

    // nullptr: a text is longer than the record can say (255 bytes).
    static const AccountRecord* make(const model::Account& account, uint64_t version,
                                     Revision revision);

 private:
    AccountRecord() = default;
    const char* texts() const { return reinterpret_cast<const char*>(this + 1); }

    UserId user_;
    uint8_t contacts_max_ = 0;
    uint8_t login_size_ = 0;
    uint8_t number_size_ = 0;
    uint8_t display_name_size_ = 0;
    uint16_t credentials_size_ = 0;

    friend void release(const AccountRecord* record);
};
void release(const AccountRecord* record);

namespace keying {
struct ById {
    template <typename T>
    static Bits128 key(const T& record) {
        return record.id.bits;
    }
};
struct ByName {
    template <typename T>
    static std::string_view key(const T& record) {
        return record.name;
    }
};
struct ByLogin {
    static std::string_view key(const AccountRecord& record) { return record.login(); }
    template <typename T>
    static std::string_view key(const Entity<T>& record) {
        return record.login;
    }
};
struct ByNumber {
    static std::string_view key(const AccountRecord& record) { return record.number(); }
    template <typename T>
    static int key(const Entity<T>& record) {
        return record.number;
    }
};
struct ByNumberText {
    template <typename T>
    static std::string_view key(const Entity<T>& record) {
        return record.number;
    }
};
}  // namespace keying

}  // namespace tandem::store
