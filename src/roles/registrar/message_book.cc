#include "roles/registrar/message_book.h"

#include "base/bytes.h"
#include "base/json_text.h"
#include "roles/registrar/binding_record.h"
#include "store/keys.h"
#include "store/stored_object.h"

namespace tandem::roles::registrar {
namespace {

constexpr std::string_view kSegment = "/message/";

Error damaged(std::string_view field) {
    return make_error(ErrorCode::Malformed, field, "the stored message cannot be read");
}

}  // namespace

void MessageBook::put(DomainId domain, AccountId account, ports::StoredMessage message) {
    Account& entry = accounts_[account];
    entry.domain = domain;
    const uint64_t key = message.key;
    size_ += entry.messages.insert_or_assign(key, std::move(message)).second ? 1 : 0;
}

std::optional<ports::StoredMessage> MessageBook::take(AccountId account, uint64_t key) {
    const auto entry = accounts_.find(account);
    if (entry == accounts_.end()) return std::nullopt;
    auto node = entry->second.messages.extract(key);
    if (node.empty()) return std::nullopt;
    --size_;
    if (entry->second.messages.empty()) accounts_.erase(entry);
    return std::move(node.mapped());
}

const ports::StoredMessage* MessageBook::oldest(AccountId account) const {
    const auto entry = accounts_.find(account);
    return entry == accounts_.end() ? nullptr : &entry->second.messages.begin()->second;
}

size_t MessageBook::count_of(AccountId account) const {
    const auto entry = accounts_.find(account);
    return entry == accounts_.end() ? 0 : entry->second.messages.size();
}

void MessageBook::forget(const std::function<bool(DomainId)>& is_gone) {
    std::erase_if(accounts_, [&](const auto& each) {
        if (!is_gone(each.second.domain)) return false;
        size_ -= each.second.messages.size();
        return true;
    });
}

void MessageBook::clear() {
    accounts_.clear();
    size_ = 0;
}

std::optional<MessageBook::Found> MessageBook::sent_before(UtcTime then) const {
    for (const auto& [account, entry] : accounts_) {
        const auto& [key, message] = *entry.messages.begin();
        if (message.sent < then) return Found{entry.domain, account, key};
    }
    return std::nullopt;
}

uint64_t message_key(UtcTime sent, uint64_t random) {
    return static_cast<uint64_t>(sent.unix_ms) << 16 | (random & 0xffff);
}

std::string message_store_key(DomainId domain, AccountId account, uint64_t key) {
    return store::keys::bindings_of(domain, account) + "message/" + key_text(key);
}

// binding/<domain>/<account>/message/<key>
std::optional<MessageBook::Found> parse_message_key(std::string_view key) {
    constexpr size_t kPrefix = 32 + 1 + 32;
    if (!key.starts_with(store::keys::binding_prefix)) return std::nullopt;
    key.remove_prefix(store::keys::binding_prefix.size());
    if (key.size() != kPrefix + kSegment.size() + 16 || key[32] != '/') return std::nullopt;
    if (key.substr(kPrefix, kSegment.size()) != kSegment) return std::nullopt;
    const auto domain = DomainId::parse(key.substr(0, 32));
    const auto account = AccountId::parse(key.substr(33, 32));
    const auto number =
        bits128_from_hex(std::string(16, '0').append(key.substr(kPrefix + kSegment.size())));
    if (!domain || !account || !number) return std::nullopt;
    return MessageBook::Found{*domain, *account, number->low};
}

std::string encode_message(const ports::StoredMessage& message) {
    JsonWriter json;
    json.begin_object().field("v").value(1);
    json.field("sent").value(message.sent.unix_ms);
    json.field("from").value(base64_encode(as_bytes(message.from)));
    json.field("to").value(base64_encode(as_bytes(message.to)));
    json.field("type").value(base64_encode(as_bytes(message.content_type)));
    json.field("body").value(base64_encode(as_bytes(message.body)));
    return json.end_object().take();
}

Result<ports::StoredMessage> decode_message(std::string_view text) {
    const auto object = store::StoredObject::parse(text);
    if (!object) return damaged("");
    ports::StoredMessage message;
    message.sent = {object->number("sent")};
    if (message.sent.unix_ms == 0) return damaged("sent");
    const std::pair<const char*, std::string*> texts[] = {{"from", &message.from},
                                                          {"to", &message.to},
                                                          {"type", &message.content_type},
                                                          {"body", &message.body}};
    for (const auto& [name, into] : texts) {
        const auto octets = base64_decode(object->text(name));
        if (!octets) return damaged(name);
        into->assign(octets->begin(), octets->end());
    }
    if (message.from.empty()) return damaged("from");
    return message;
}

}  // namespace tandem::roles::registrar
