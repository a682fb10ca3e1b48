#include "roles/call_state/subscription.h"

#include "base/json_text.h"
#include "sip/event_bodies.h"
#include "sip/message_summary.h"
#include "sip/pidf.h"
#include "sip/reginfo.h"
#include "store/stored_object.h"

namespace tandem::roles::call_state {

std::string_view to_string(Package package) {
    switch (package) {
        case Package::Dialog:
            return "dialog";
        case Package::Presence:
            return "presence";
        case Package::MessageSummary:
            return "message-summary";
        case Package::Registration:
            return "reg";
    }
    return "";
}

namespace {
constexpr Package kPackages[] = {Package::Dialog, Package::Presence, Package::MessageSummary,
                                 Package::Registration};
}  // namespace

std::optional<Package> package_from(std::string_view text) {
    for (const Package each : kPackages)
        if (text == to_string(each)) return each;
    return std::nullopt;
}

std::string packages_text() {
    std::string text;
    for (const Package each : kPackages)
        text.append(text.empty() ? "" : ", ").append(to_string(each));
    return text;
}

std::string_view body_type(Package package) {
    switch (package) {
        case Package::Dialog:
            return sip::dialog_info_type;
        case Package::Presence:
            return sip::pidf_type;
        case Package::MessageSummary:
            return sip::message_summary_type;
        case Package::Registration:
            return sip::reginfo_type;
    }
    return "";
}

bool is_of_registrar(Package package) {
    return package != Package::Dialog;
}

bool is_of_calls(Package package) {
    return package == Package::Dialog || package == Package::Presence;
}

std::string encode_subscription(const Subscription& subscription) {
    JsonWriter out;
    out.begin_object();
    out.field("key").value(subscription.key);
    out.field("domain").value(subscription.domain.text());
    out.field("watcher").value(subscription.watcher.text());
    out.field("watched").value(subscription.watched.text());
    out.field("package").value(to_string(subscription.package));
    out.field("event_id").value(subscription.event_id);
    out.field("call_id").value(subscription.call_id);
    out.field("local").value(subscription.local);
    out.field("remote").value(subscription.remote);
    out.field("local_tag").value(subscription.local_tag);
    out.field("remote_tag").value(subscription.remote_tag);
    out.field("target").value(subscription.target);
    out.field("entity").value(subscription.entity);
    out.field("flow").value(subscription.flow.text());
    out.field("created").value(subscription.created.unix_ms);
    out.field("expires").value(subscription.expires.unix_ms);
    out.field("cseq").value(subscription.cseq);
    return out.end_object().take();
}

std::optional<Subscription> decode_subscription(std::string_view text) {
    const auto object = store::StoredObject::parse(text);
    if (!object) return std::nullopt;
    const auto domain = DomainId::parse(object->text("domain"));
    const auto watcher = AccountId::parse(object->text("watcher"));
    const auto watched = AccountId::parse(object->text("watched"));
    const auto package = package_from(object->text("package"));
    const auto flow = ports::Flow::parse(object->text("flow"));
    if (!domain || !watcher || !watched || !package || !flow) return std::nullopt;
    Subscription read;
    read.key = object->unsigned_number("key");
    read.domain = *domain;
    read.watcher = *watcher;
    read.watched = *watched;
    read.package = *package;
    read.event_id = object->text("event_id");
    read.call_id = object->text("call_id");
    read.local = object->text("local");
    read.remote = object->text("remote");
    read.local_tag = object->text("local_tag");
    read.remote_tag = object->text("remote_tag");
    read.target = object->text("target");
    read.entity = object->text("entity");
    read.flow = *flow;
    read.created = UtcTime{object->number("created")};
    read.expires = UtcTime{object->number("expires")};
    read.cseq = static_cast<uint32_t>(object->number("cseq"));
    if (read.key == 0 || read.call_id.empty() || read.target.empty()) return std::nullopt;
    return read;
}

std::string store_key_of(const Subscription& subscription) {
    return std::string(keys_of_subscriptions) + subscription.domain.text() + "/" +
           to_hex({0, subscription.key}).substr(16);
}

}  // namespace tandem::roles::call_state
