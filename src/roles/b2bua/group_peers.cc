#include "roles/b2bua/group_peers.h"

#include <algorithm>
#include <utility>

#include "roles/b2bua/limits.h"

namespace tandem::roles::b2bua {

using ports::GroupNews;
using routing::TalkTimes;

namespace {

// Statements in letters of a bounded size; at least one letter.
class Pages {
 public:
    void add(GroupNews::Turn turn) { page().turns.push_back(turn); }
    void add(GroupNews::Talk talk) { page().talks.push_back(talk); }
    std::vector<GroupNews> take() { return std::move(pages_); }

 private:
    GroupNews& page() {
        const GroupNews& last = pages_.back();
        if (last.turns.size() + last.talks.size() >= kGroupNewsPage) pages_.emplace_back();
        return pages_.back();
    }
    std::vector<GroupNews> pages_{1};
};

GroupNews::Talk talk_of(const TalkTimes::Told& told) {
    return {told.account, UtcTime{told.last}, told.talks};
}

}  // namespace

bool GroupPeers::has_peers() const {
    return std::ranges::any_of(peers_, [](const auto& each) { return each.second.reachable; });
}

void GroupPeers::send(ports::Instance to, const std::vector<GroupNews>& pages, ports::Outbox& out) {
    for (const GroupNews& page : pages) out.send(around_.self, to, page);
}

void GroupPeers::tell(Now now, ports::Outbox& out) {
    const std::vector<RingGroupId> turned = order_.turns.take_news();
    if (turned.empty() && !order_.talks.has_news()) return;
    if (!has_peers()) {
        order_.talks.take_news();
        return;
    }
    const Instant earliest = told_at_ + kGroupNewsPause;
    if (turned.empty() && now.mono < earliest) {
        tell_at_ = earliest;
        return;
    }
    Pages pages;
    for (const RingGroupId group : turned)
        if (const auto* turn = order_.turns.last(group))
            pages.add(GroupNews::Turn{group, turn->first, UtcTime{turn->at}});
    for (const TalkTimes::Told& told : order_.talks.take_news()) pages.add(talk_of(told));
    const std::vector<GroupNews> news = pages.take();
    for (const auto& [number, peer] : peers_)
        if (peer.reachable) send({number}, news, out);
    told_at_ = now.mono;
    tell_at_.reset();
}

void GroupPeers::on_timeout(Now now, ports::Outbox& out) {
    if (!tell_at_ || now.mono < *tell_at_) return;
    tell_at_.reset();
    tell(now, out);
}

std::vector<GroupNews> GroupPeers::all() const {
    Pages pages;
    for (const auto& [group, turn] : order_.turns.all())
        pages.add(GroupNews::Turn{group, turn.first, UtcTime{turn.at}});
    for (const TalkTimes::Told& told : order_.talks.all()) pages.add(talk_of(told));
    std::vector<GroupNews> all = pages.take();
    all.front().all = true;
    all.front().epoch = around_.epoch;
    return all;
}

void GroupPeers::on_news(Now now, ports::Instance from, const GroupNews& news) {
    if (news.all) {
        // Of the same incarnation what follows says when talks have ended.
        uint32_t& epoch = peers_[from.number].epoch;
        order_.talks.forget(from.number, epoch < news.epoch ? now.utc : UtcTime{});
        epoch = std::max(epoch, news.epoch);
    }
    for (const GroupNews::Turn& turn : news.turns)
        order_.turns.hear(turn.group, {turn.first, turn.at.unix_ms});
    for (const GroupNews::Talk& talk : news.talks)
        order_.talks.hear(from.number, {talk.account, talk.last.unix_ms, talk.talks});
}

void GroupPeers::on_directory(Now now, ports::Outbox& out) {
    for (auto& [number, peer] : peers_) peer.is_there = false;
    for (const ports::DirectoryEntry& entry : around_.directory.entries()) {
        if (entry.kind != ports::RoleKind::B2bua || entry.instance == around_.self) continue;
        Peer& peer = peers_[entry.instance.number];
        peer.is_there = true;
        // What it has told itself may be ahead of the directory.
        const bool is_another = peer.epoch < entry.epoch;
        const bool is_lost = peer.reachable && !entry.reachable;
        if (is_another || is_lost) order_.talks.forget(entry.instance.number, now.utc);
        peer.epoch = std::max(peer.epoch, entry.epoch);
        const bool has_come = entry.reachable && (!peer.reachable || is_another);
        peer.reachable = entry.reachable;
        if (has_come) send(entry.instance, all(), out);
    }
    for (const auto& [number, peer] : peers_)
        if (!peer.is_there) order_.talks.forget(number, now.utc);
    std::erase_if(peers_, [](const auto& each) { return !each.second.is_there; });
}

}  // namespace tandem::roles::b2bua
