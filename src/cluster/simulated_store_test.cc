// The store of a simulated site: who reaches it, how late, and who hears of a change.
#include "cluster/simulated_site_test.h"

namespace tandem::cluster::simulated {

void Site::ask_store(uint16_t n, std::vector<store::Request> requests) {
    for (store::Request& request : requests) {
        const uint64_t life = nodes[n].life;
        if (!reaches_store(n) || (loss > 0 && chance(loss))) {
            ++tally.unknown_outcomes;
            continue;
        }
        Duration delay = store_delay();
        if (kinds_.storm && chance(1)) delay = pick_ms(50, 400);  // a retransmission
        later(delay, [this, n, life, delay, request = std::move(request)] {
            on_store(n, life, delay, request);
        });
    }
}

void Site::on_store(uint16_t n, uint64_t life, Duration delay, const store::Request& request) {
    if (store_down) {
        if (chance(50)) return;
        later(transit(), [this, n, life, id = request.id] {
            reply(n, life, {id, make_error(ErrorCode::Unavailable, "store", "no quorum")});
        });
        return;
    }
    if (delay > store_deadline) ++tally.late_applied;
    store::Outbox out;
    store.apply(at, request, out);
    count_refused(n, request, out);
    tell(out);
    if (!reaches_store(n) || (loss > 0 && chance(loss))) {
        ++tally.unknown_outcomes;
        return;
    }
    for (store::Reply& answer : out.replies)
        later(store_delay(), [this, n, life, answer = std::move(answer)] {
            if (reaches_store(n)) reply(n, life, answer);
        });
}

// A leader's batch, after another has taken its post.
void Site::count_refused(uint16_t n, const store::Request& request, const store::Outbox& out) {
    constexpr uint64_t first_writer = 100;
    if (request.id >> 48 <= first_writer || out.replies.empty()) return;
    const auto& body = out.replies.front().body;
    const auto* txn = body ? std::get_if<store::TxnReply>(&*body) : nullptr;
    if (txn != nullptr && !txn->succeeded && leading_node() != n) ++tally.deposed_unaware;
}

void Site::reply(uint16_t n, uint64_t life, const store::Reply& answer) {
    deliver(n, life, [this, n, answer] { on_reply(n, answer); });
}

void Site::tell(store::Outbox& out) {
    for (store::WatchBatch& batch : out.watches) {
        if (batch.watch == god_watch) {
            for (const store::WatchEvent& event : batch.events) observe(event);
            continue;
        }
        const auto [n, life] = watch_owner[batch.watch];
        if (!nodes[n].up || nodes[n].life != life) continue;
        nodes[n].watch_inbox.push_back(std::move(batch));
        later(transit(), [this, n = n, life = life] { flush_watch(n, life); });
    }
}

void Site::flush_watch(uint16_t n, uint64_t life) {
    if (!nodes[n].up || nodes[n].life != life || nodes[n].watch_inbox.empty()) return;
    if (!reaches_store(n) || store_down)
        return later(15ms, [this, n, life] { flush_watch(n, life); });
    auto batches = std::exchange(nodes[n].watch_inbox, {});
    deliver(n, life, [this, n, batches = std::move(batches)] {
        for (const store::WatchBatch& batch : batches) on_watch(n, batch);
    });
}

}  // namespace tandem::cluster::simulated
