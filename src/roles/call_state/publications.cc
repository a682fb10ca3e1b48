#include "roles/call_state/publications.h"

#include <algorithm>

#include "base/json_text.h"
#include "sip/body_limits.h"
#include "store/stored_object.h"

namespace tandem::roles::call_state {

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

sip::PresenceDocument document_of(const store::StoredObject& object) {
    sip::PresenceDocument document;
    document.note = object.text("note");
    document.activities = object.texts("activities");
    std::erase_if(document.activities,
                  [](const std::string& each) { return !sip::is_activity(each); });
    for (const store::StoredObject& each : object.objects("tuples")) {
        if (document.tuples.size() >= sip::presence_tuples_max) break;
        document.tuples.push_back({each.flag("open"), each.text("note")});
    }
    return document;
}

}  // namespace

std::optional<Publication> decode_publication(std::string_view text) {
    const auto object = store::StoredObject::parse(text);
    if (!object) return std::nullopt;
    const auto domain = DomainId::parse(object->text("domain"));
    const auto account = AccountId::parse(object->text("account"));
    if (!domain || !account) return std::nullopt;
    Publication read;
    read.key = object->unsigned_number("key");
    read.domain = *domain;
    read.account = *account;
    read.etag = object->text("etag");
    read.expires = UtcTime{object->number("expires")};
    read.document = document_of(*object);
    if (read.key == 0 || read.etag.empty()) return std::nullopt;
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
