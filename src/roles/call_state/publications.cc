#include "roles/call_state/publications.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/json_text.h"
#include "sip/body_limits.h"

namespace tandem::roles::call_state {

namespace json = boost::json;

std::string encode_publication(const Publication& publication) {
    JsonWriter out;
    out.begin_object();
    out.field("key").value(publication.key);
    out.field("domain").value(publication.domain.text());
    out.field("account").value(publication.account.text());
    out.field("etag").value(publication.etag);
    out.field("expires").value(publication.expires.unix_ms);
    out.field("note").value(publication.document.note);
    out.field("activities").begin_list();
    for (const std::string& each : publication.document.activities) out.value(each);
    out.end_list().field("tuples").begin_list();
    for (const sip::PresenceTuple& each : publication.document.tuples) {
        out.begin_object();
        if (each.is_open) out.field("open").value(*each.is_open);
        out.field("note").value(each.note).end_object();
    }
    return out.end_list().end_object().take();
}

namespace {

std::string text_of(const json::object& object, std::string_view name) {
    const json::value* member = object.if_contains(name);
    const json::string* text = member != nullptr ? member->if_string() : nullptr;
    return text != nullptr ? std::string(*text) : std::string();
}

const json::array& list_of(const json::object& object, std::string_view name) {
    static const json::array kNone;
    const json::value* member = object.if_contains(name);
    const json::array* list = member != nullptr ? member->if_array() : nullptr;
    return list != nullptr ? *list : kNone;
}

sip::PresenceDocument document_of(const json::object& object) {
    sip::PresenceDocument document;
    document.note = text_of(object, "note");
    for (const json::value& each : list_of(object, "activities")) {
        if (each.is_string() && sip::is_activity(each.get_string()))
            document.activities.emplace_back(each.get_string());
    }
    for (const json::value& each : list_of(object, "tuples")) {
        if (!each.is_object() || document.tuples.size() >= sip::presence_tuples_max) continue;
        sip::PresenceTuple tuple;
        const json::value* open = each.get_object().if_contains("open");
        if (open != nullptr && open->is_bool()) tuple.is_open = open->get_bool();
        tuple.note = text_of(each.get_object(), "note");
        document.tuples.push_back(std::move(tuple));
    }
    return document;
}

}  // namespace

std::optional<Publication> decode_publication(std::string_view text) {
    boost::system::error_code error;
    const json::value parsed = json::parse(json::string_view(text.data(), text.size()), error);
    if (error || !parsed.is_object()) return std::nullopt;
    const json::object& object = parsed.get_object();
    const auto domain = DomainId::parse(text_of(object, "domain"));
    const auto account = AccountId::parse(text_of(object, "account"));
    const json::value* key = object.if_contains("key");
    const json::value* expires = object.if_contains("expires");
    if (!domain || !account || key == nullptr || !key->is_number() || expires == nullptr ||
        !expires->is_int64())
        return std::nullopt;
    Publication read;
    read.key = key->is_uint64() ? key->get_uint64()
                                : static_cast<uint64_t>(key->to_number<int64_t>(error));
    read.domain = *domain;
    read.account = *account;
    read.etag = text_of(object, "etag");
    read.expires = UtcTime{expires->get_int64()};
    read.document = document_of(object);
    if (error || read.key == 0 || read.etag.empty()) return std::nullopt;
    return read;
}

std::string store_key_of(const Publication& publication) {
    return std::string(keys_of_publications) + publication.domain.text() + "/" +
           to_hex({0, publication.key}).substr(16);
}

void Publications::put(Publication publication) {
    if (const Publication* former = find(publication.key))
        by_expiry_.erase({former->expires.unix_ms, former->key});
    by_expiry_.insert({publication.expires.unix_ms, publication.key});
    std::vector<uint64_t>& keys = of_account_[publication.account];
    std::erase(keys, publication.key);
    keys.push_back(publication.key);
    const uint64_t key = publication.key;
    by_key_.insert_or_assign(key, std::move(publication));
}

std::optional<Publication> Publications::take(uint64_t key) {
    auto node = by_key_.extract(key);
    if (node.empty()) return std::nullopt;
    by_expiry_.erase({node.mapped().expires.unix_ms, key});
    const auto keys = of_account_.find(node.mapped().account);
    std::erase(keys->second, key);
    if (keys->second.empty()) of_account_.erase(keys);
    return std::move(node.mapped());
}

const Publication* Publications::find(uint64_t key) const {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : &found->second;
}

const Publication* Publications::find(AccountId account, std::string_view etag) const {
    for (const Publication* each : of(account))
        if (each->etag == etag) return each;
    return nullptr;
}

std::vector<const Publication*> Publications::of(AccountId account) const {
    std::vector<const Publication*> all;
    const auto keys = of_account_.find(account);
    if (keys == of_account_.end()) return all;
    for (const uint64_t key : keys->second) all.push_back(&by_key_.at(key));
    return all;
}

std::optional<UtcTime> Publications::next_expiry() const {
    if (by_expiry_.empty()) return std::nullopt;
    return UtcTime{by_expiry_.begin()->first};
}

std::optional<uint64_t> Publications::expired(UtcTime now) const {
    if (by_expiry_.empty() || by_expiry_.begin()->first > now.unix_ms) return std::nullopt;
    return by_expiry_.begin()->second;
}

void Publications::clear() {
    by_expiry_.clear();
    by_key_.clear();
    of_account_.clear();
}

namespace {

// It says so, and nothing else.
bool is_closed(const Publication& publication) {
    const auto& tuples = publication.document.tuples;
    const auto says = [&](bool open) {
        return std::ranges::any_of(
            tuples, [&](const sip::PresenceTuple& each) { return each.is_open == open; });
    };
    return says(false) && !says(true);
}

}  // namespace

sip::PresenceDocument composed(KnownPresence known, const std::vector<const Publication*>& of) {
    const bool all_closed = !of.empty() && std::ranges::all_of(of, [](const Publication* each) {
        return is_closed(*each);
    });
    sip::PresenceDocument document;
    document.tuples.push_back({known.is_reachable && !all_closed, ""});
    if (known.is_in_call) document.activities.emplace_back("on-the-phone");
    for (const Publication* each : of) {
        const sip::PresenceDocument& published = each->document;
        for (const sip::PresenceTuple& tuple : published.tuples) {
            if (document.tuples.size() < sip::presence_tuples_max) document.tuples.push_back(tuple);
        }
        for (const std::string& activity : published.activities) {
            const auto has = std::ranges::find(document.activities, activity);
            if (has == document.activities.end()) document.activities.push_back(activity);
        }
        if (!published.note.empty()) document.note = published.note;  // of the latest
    }
    return document;
}

}  // namespace tandem::roles::call_state
