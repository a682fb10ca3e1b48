// The other B2Bs of the site, with which this one shares who had the last turn of a ring group and
// who has talked when. Each tells all others what happens in its own calls, when it happens, and
// everything that it knows when one of them comes or comes back: so the knowledge outlives any of
// them, and no call waits for it. Letters may be lost: the next one about the same says it again.
// Why: docs/decisions/0039. Pure; a part of B2buaRole.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "ports/letter.h"
#include "routing/group_order.h"

namespace tandem::roles::b2bua {

class GroupPeers {
 public:
    GroupPeers(const ports::Surroundings& around, routing::GroupOrder& order)
        : around_(around), order_(order) {}

    // What is new goes out: turns at once, talks now or a moment later, together with others.
    void tell(Now now, ports::Outbox& out);
    void on_news(Now now, ports::Instance from, const ports::GroupNews& news);
    // B2Bs came, went, or can be reached again.
    void on_directory(Now now, ports::Outbox& out);
    void on_timeout(Now now, ports::Outbox& out);
    std::optional<Instant> next_deadline() const { return tell_at_; }

 private:
    struct Peer {
        uint32_t epoch = 0;  // that what is known of its calls is of
        bool reachable = false;
        bool is_there = false;  // in the directory, as it is looked through
    };
    bool has_peers() const;
    void send(ports::Instance to, const std::vector<ports::GroupNews>& pages, ports::Outbox& out);
    std::vector<ports::GroupNews> all() const;

    const ports::Surroundings& around_;
    routing::GroupOrder& order_;
    std::map<uint16_t, Peer> peers_;
    Instant told_at_;
    std::optional<Instant> tell_at_;  // of talks that are held back
};

}  // namespace tandem::roles::b2bua
