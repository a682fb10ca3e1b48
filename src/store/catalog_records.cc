#include "store/catalog_records.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace tandem::store {

const AccountRecord* AccountRecord::make(const model::Account& account, uint64_t version,
                                         Revision revision) {
    constexpr size_t text_max = UINT8_MAX;
    const size_t texts[] = {account.login.size(), account.number.size(),
                            account.display_name.size()};
    if (*std::max_element(std::begin(texts), std::end(texts)) > text_max) return nullptr;
    if (account.credentials.size() > UINT16_MAX) return nullptr;
    const size_t tail = texts[0] + texts[1] + texts[2] + account.credentials.size();
    auto* record = new (::operator new(sizeof(AccountRecord) + tail)) AccountRecord();
    record->id = account.id;
    record->revision = revision;
    record->version = static_cast<uint32_t>(version);
    record->enabled = account.enabled;
    record->user_ = account.user.value_or(UserId{});
    record->contacts_max_ =
        static_cast<uint8_t>(std::clamp(account.contacts_max.value_or(0), 0, 255));
    record->login_size_ = static_cast<uint8_t>(texts[0]);
    record->number_size_ = static_cast<uint8_t>(texts[1]);
    record->display_name_size_ = static_cast<uint8_t>(texts[2]);
    record->credentials_size_ = static_cast<uint16_t>(account.credentials.size());
    char* out = reinterpret_cast<char*>(record + 1);
    out = std::copy(account.login.begin(), account.login.end(), out);
    out = std::copy(account.number.begin(), account.number.end(), out);
    out = std::copy(account.display_name.begin(), account.display_name.end(), out);
    std::copy(account.credentials.begin(), account.credentials.end(), out);
    return record;
}

void release(const AccountRecord* record) {
    record->~AccountRecord();
    ::operator delete(const_cast<AccountRecord*>(record));
}

model::Account AccountRecord::expand(DomainId domain) const {
    model::Account account;
    account.id = id;
    account.domain = domain;
    account.login = login();
    account.number = number();
    account.user = user();
    account.display_name = display_name();
    account.enabled = enabled;
    account.contacts_max = contacts_max();
    account.credentials.assign(credentials().begin(), credentials().end());
    return account;
}

}  // namespace tandem::store
