#include "app/node/store_service.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "store/move.h"

namespace tandem::app {
namespace {

constexpr store::RequestId kFirstWrite = ~store::RequestId{0};  // no asker's
// More than the store itself tries to find an answer.
constexpr Duration kFirstWriteAgain = 3s;
// Writes that wait while the store is being replaced: 300 ms of thirty times its measured rate.
constexpr size_t kHeldMax = 16'384;

bool is_read(const store::Request& request) {
    return std::holds_alternative<store::RangeRequest>(request.body) ||
           std::holds_alternative<store::WatchCreate>(request.body) ||
           std::holds_alternative<store::WatchCancel>(request.body);
}

}  // namespace

StoreService::StoreService(Reply reply, Moves moves)
    : reply_(std::move(reply)), moves_(std::move(moves)) {}

StoreService::~StoreService() = default;

void StoreService::on_letters(Now now, std::vector<ports::Letter>&& letters) {
    begin_first_write(now);
    std::vector<store::Request> requests;
    for (ports::Letter& letter : letters) {
        if (holds_alternative<store::Request>(letter.payload)) {
            askers_.take(std::move(letter), requests);
        } else {
            moves_.on_letter(now, std::move(letter));
        }
    }
    if (!requests.empty()) give(now, std::move(requests));
}

void StoreService::give(Now now, std::vector<store::Request> requests) {
    if (holding_) {
        const auto writes = std::stable_partition(requests.begin(), requests.end(), is_read);
        for (auto each = writes; each != requests.end(); ++each) {
            if (held_.size() >= kHeldMax) {
                refuse(*each, "too many writes wait");
            } else {
                held_.push_back(std::move(*each));
            }
        }
        requests.erase(writes, requests.end());
    }
    if (backend_ && !requests.empty()) return backend_->take(now, std::move(requests));
    for (const store::Request& request : requests) refuse(request, "the store is elsewhere now");
}

void StoreService::refuse(const store::Request& request, std::string_view words) {
    const auto why = make_error(ErrorCode::Unavailable, "store", words);
    if (auto letter = askers_.answer({request.id, why})) reply_(std::move(*letter));
}

void StoreService::ask(Now now, std::vector<store::Request> requests) {
    backend_->take(now, std::move(requests));
}

void StoreService::release(Now now) {
    holding_ = false;
    auto held = std::exchange(held_, {});
    if (!held.empty()) backend_->take(now, std::move(held));
}

StoreService::Backend StoreService::replace(Now now, Backend backend, store::Revision revision) {
    Backend former = std::exchange(backend_, std::move(backend));
    for (ports::Letter& letter : askers_.end_watches(revision)) reply_(std::move(letter));
    release(now);
    return former;
}

// What it finds done changes nothing: the transaction compares.
void StoreService::begin_first_write(Now now) {
    if (!first_write_ || now.mono < first_write_at_) return;
    first_write_at_ = now.mono + kFirstWriteAgain;
    backend_->take(now, {{kFirstWrite, *first_write_}});
}

void StoreService::on_told(store::Outbox out) {
    for (store::Reply& reply : out.replies) {
        if (reply.id == kFirstWrite && reply.body.has_value()) first_write_.reset();
        if (store::Move::is_own(reply.id)) {
            moves_.on_reply(std::move(reply));
        } else if (auto letter = askers_.answer(std::move(reply))) {
            reply_(std::move(*letter));
        }
    }
    for (store::WatchBatch& batch : out.watches) {
        if (store::Move::is_own(batch.watch)) {
            moves_.on_watch(std::move(batch));
        } else if (auto letter = askers_.tell(std::move(batch))) {
            reply_(std::move(*letter));
        }
    }
}

void StoreService::on_timeout(Now now) {
    begin_first_write(now);
    if (backend_) backend_->on_timeout(now);
}

std::optional<Instant> StoreService::next_deadline() const {
    const auto backend = backend_ ? backend_->next_deadline() : std::nullopt;
    if (!first_write_) return backend;
    return backend ? std::min(*backend, first_write_at_) : first_write_at_;
}

}  // namespace tandem::app
