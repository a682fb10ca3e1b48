#include "app/node/store_mover.h"

#include <utility>

#include "runtime/reactor/clock.h"
#include "store/limits.h"

namespace tandem::app {
namespace {

// A member that is started for the move answers within a second or two.
constexpr auto kProbe = std::chrono::milliseconds(300);
constexpr int kProbesMax = 100;

constexpr store::RequestId kProbeRequest = 1;  // no move's

}  // namespace

StoreMover::StoreMover(runtime::Reactor& reactor, StorePlace target, std::string id, Hooks hooks)
    : reactor_(reactor),
      target_(std::move(target)),
      hooks_(std::move(hooks)),
      move_({std::move(id), to_text(target_), store::move_freeze_max}),
      told_(std::make_shared<StoreBackend::Tell>(
          [this](store::Outbox out) { on_target(std::move(out)); })),
      timer_(reactor),
      store_timer_(reactor) {}

StoreMover::~StoreMover() = default;

void StoreMover::start(const Open& open) {
    auto store = open([told = told_](store::Outbox out) { (*told)(std::move(out)); });
    if (!store.has_value()) {
        const Error why = store.error();
        return end([failed = hooks_.failed, why] { failed(why); });
    }
    store_ = std::move(*store);
    probe();
}

// Until it answers there is nothing to copy to.
void StoreMover::probe() {
    if (begun_ || over_) return;
    if (++probes_ > kProbesMax) {
        return end([failed = hooks_.failed] {
            failed(make_error(ErrorCode::Unavailable, "store",
                              "the store to move to does not answer"));
        });
    }
    store::RangeRequest request;
    request.range = store::KeyRange::one("store/probe");
    timer_.arm(kProbe, [this] { probe(); });
    store_->take(runtime::read_clocks(), {{kProbeRequest, std::move(request)}});
}

template <typename Call>
void StoreMover::carry(Call call) {
    const Now now = runtime::read_clocks();
    store::MoveOutbox out;
    call(now.mono, out);
    for (const store::MoveEvent& event : out.events) {
        switch (event.kind) {
            case store::MoveEvent::Kind::Freeze:
                hooks_.hold();
                break;
            case store::MoveEvent::Kind::Thaw:
                hooks_.release();
                break;
            case store::MoveEvent::Kind::Moved:
                end(hooks_.moved);
                break;
            case store::MoveEvent::Kind::Failed:
                end([failed = hooks_.failed, why = event.why] { failed(why); });
                break;
        }
    }
    if (!out.to_source.empty()) hooks_.ask_source(std::move(out.to_source));
    if (!out.to_target.empty() && store_) store_->take(now, std::move(out.to_target));
    arm();
}

void StoreMover::end(std::function<void()> how) {
    if (std::exchange(over_, true)) return;
    reactor_.post([how = std::move(how)] { how(); });
}

void StoreMover::on_target(store::Outbox out) {
    for (const store::Reply& reply : out.replies) {
        if (store::Move::is_own(reply.id)) {
            carry(
                [&](Instant now, store::MoveOutbox& to) { move_.on_target_reply(now, reply, to); });
        } else if (reply.id == kProbeRequest && reply.body.has_value() && !begun_ && !over_) {
            begun_ = true;
            carry([&](Instant now, store::MoveOutbox& to) { move_.start(now, to); });
        }
    }
    arm();
}

void StoreMover::on_source_reply(const store::Reply& reply) {
    carry([&](Instant now, store::MoveOutbox& to) { move_.on_source_reply(now, reply, to); });
}

void StoreMover::on_source_watch(const store::WatchBatch& batch) {
    carry([&](Instant now, store::MoveOutbox& to) { move_.on_source_watch(now, batch, to); });
}

void StoreMover::arm() {
    const Instant now = runtime::read_monotonic();
    const auto after = [now](Instant at) { return at > now ? at - now : Duration{0}; };
    if (const auto at = begun_ ? move_.next_deadline() : std::nullopt) {
        timer_.arm(after(*at), [this] {
            carry([&](Instant when, store::MoveOutbox& to) { move_.on_timeout(when, to); });
        });
    }
    const auto at = store_ ? store_->next_deadline() : std::nullopt;
    if (!at) return;
    store_timer_.arm(after(*at), [this] {
        if (store_) store_->on_timeout(runtime::read_clocks());
        arm();
    });
}

std::unique_ptr<StoreBackend> StoreMover::take_store(StoreBackend::Tell tell) {
    *told_ = std::move(tell);
    timer_.cancel();
    store_timer_.cancel();
    return std::move(store_);
}

std::string StoreMover::phase() const {
    if (over_) return "over";
    return begun_ ? std::string(move_.phase_name()) : "waiting for the store to move to";
}

}  // namespace tandem::app
