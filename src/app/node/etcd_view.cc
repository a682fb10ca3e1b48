#include "app/node/etcd_view.h"

#include <algorithm>

#include "runtime/etcd/member_plan.h"

namespace tandem::app {
namespace {

constexpr auto kLook = std::chrono::seconds(2);

}  // namespace

EtcdView::EtcdView(runtime::Reactor& reactor, const StorePlace& place) : timer_(reactor) {
    auto opened = runtime::EtcdAdmin::open(reactor, place.endpoints,
                                           {place.tls_ca, place.tls_certificate, place.tls_key});
    if (!opened.has_value()) return;
    admin_ = std::move(*opened);
    timer_.arm_every(kLook, [this] { look(); });
    look();
}

void EtcdView::look() {
    if (looking_) return;
    looking_ = true;
    auto round = std::make_shared<Round>();
    round->open = 1 + admin_->endpoint_count();
    admin_->members([this, round](Result<std::vector<runtime::EtcdMemberEntry>> members) {
        if (members.has_value()) round->members = std::move(*members);
        take(round);
    });
    for (size_t i = 0; i < admin_->endpoint_count(); ++i) {
        admin_->status(i, [this, round](Result<runtime::EtcdMemberStatus> status) {
            if (status.has_value()) round->statuses.push_back(std::move(*status));
            take(round);
        });
    }
}

void EtcdView::take(const std::shared_ptr<Round>& round) {
    if (--round->open > 0) return;
    looking_ = false;
    // Without a majority the list can't be had: it is still the former one.
    if (round->members.empty() && known_) round->members = std::move(known_->members);
    known_ = std::move(*round);
}

const runtime::EtcdMemberStatus* EtcdView::status_of(uint64_t id) const {
    const auto found = std::ranges::find(known_->statuses, id, &runtime::EtcdMemberStatus::id);
    return found == known_->statuses.end() ? nullptr : &*found;
}

void EtcdView::write(JsonWriter& json) const {
    json.field("members");
    if (!known_ || known_->members.empty()) {
        json.null();
        json.field("fault_tolerant").value(false);
        return;
    }
    size_t voters = 0;
    size_t up = 0;
    json.begin_list();
    for (const runtime::EtcdMemberEntry& member : known_->members) {
        const auto* status = status_of(member.id);
        const bool serves = status != nullptr && status->leader != 0;
        voters += member.is_learner ? 0 : 1;
        up += !member.is_learner && serves ? 1 : 0;
        json.begin_object().field("name").value(member.name);
        json.field("votes").value(!member.is_learner);
        json.field("serves").value(serves);
        json.field("leads").value(serves && status->leader == member.id);
        json.field("version").value(status == nullptr ? std::string() : status->version);
        json.field("bytes").value(status == nullptr ? int64_t{0} : status->bytes);
        json.end_object();
    }
    json.end_list();
    json.field("fault_tolerant").value(up > runtime::quorum_of(voters));
}

}  // namespace tandem::app
