#include "roles/media_gate/port_pool.h"

#include <algorithm>

#include "roles/media_gate/limits.h"

namespace tandem::roles::media_gate {

namespace {

// 2^16 over the golden ratio: multiples of it, modulo 2^16, keep the largest distances that any
// sequence can (three-distance theorem). Of 5000 pairs, four lives in a row are 730 apart.
constexpr uint16_t kStep = 40503;

}  // namespace

PortPool::PortPool(uint16_t first, uint16_t last, uint32_t life)
    : state_(kPairsOfAll, State::Outside) {
    set_range(first, last);
    const uint32_t part = static_cast<uint16_t>(life * kStep);
    const size_t begin = part * unused_.size() >> 16;
    std::rotate(unused_.begin(), unused_.begin() + static_cast<ptrdiff_t>(begin), unused_.end());
}

void PortPool::set_range(uint16_t first, uint16_t last) {
    first_ = static_cast<uint16_t>(first + first % 2);
    last_ = last;
    for (size_t index = 0; index < state_.size(); ++index) {
        State& state = state_[index];
        const auto rtp = static_cast<uint16_t>(2 * index);
        if (is_inside(rtp) && state == State::Outside) {
            state = State::Free;
            unused_.push_back(rtp);
            ++free_count_;
            ++pairs_;
        } else if (!is_inside(rtp) && (state == State::Free || state == State::Aside)) {
            if (state == State::Free) --free_count_;
            state = State::Outside;
            --pairs_;
        }
    }
}

bool PortPool::is_inside(uint16_t rtp) const {
    return rtp >= first_ && rtp + 1 <= last_;
}

std::optional<uint16_t> PortPool::take_from(std::deque<uint16_t>& free) {
    while (!free.empty()) {
        const uint16_t port = free.front();
        free.pop_front();
        if (take_this(port)) return port;
    }
    return std::nullopt;
}

std::optional<uint16_t> PortPool::take() {
    const bool rested = resting_.size() >= kPairsResting;
    if (const auto port = take_from(rested ? resting_ : unused_)) return port;
    return take_from(rested ? unused_ : resting_);
}

bool PortPool::take_this(uint16_t rtp) {
    if (rtp % 2 != 0 || state_[rtp / 2] != State::Free) return false;
    state_[rtp / 2] = State::Taken;
    --free_count_;
    return true;
}

void PortPool::give_back(uint16_t rtp) {
    if (rtp % 2 != 0 || state_[rtp / 2] != State::Taken) return;
    if (!is_inside(rtp)) {
        state_[rtp / 2] = State::Outside;
        --pairs_;
        return;
    }
    state_[rtp / 2] = State::Free;
    resting_.push_back(rtp);
    ++free_count_;
}

void PortPool::set_aside(uint16_t rtp) {
    State& state = state_[rtp / 2];
    if (rtp % 2 != 0 || state == State::Outside) return;
    if (state == State::Free) --free_count_;
    state = State::Aside;
}

}  // namespace tandem::roles::media_gate
