#include "roles/media_gate/port_pool.h"

namespace tandem::roles::media_gate {

PortPool::PortPool(uint16_t first, uint16_t last) : first_(first + first % 2) {
    for (uint32_t port = first_; port + 1 <= last; port += 2) {
        state_.push_back(State::Free);
        free_.push_back(static_cast<uint16_t>(port));
    }
    free_count_ = free_.size();
}

std::optional<size_t> PortPool::index_of(uint16_t rtp) const {
    if (rtp < first_ || rtp % 2 != 0 || (rtp - first_) / 2u >= state_.size()) return std::nullopt;
    return (rtp - first_) / 2u;
}

std::optional<uint16_t> PortPool::take() {
    while (!free_.empty()) {
        const uint16_t port = free_.front();
        free_.pop_front();
        if (take_this(port)) return port;
    }
    return std::nullopt;
}

bool PortPool::take_this(uint16_t rtp) {
    const auto index = index_of(rtp);
    if (!index || state_[*index] != State::Free) return false;
    state_[*index] = State::Taken;
    --free_count_;
    return true;
}

void PortPool::give_back(uint16_t rtp) {
    const auto index = index_of(rtp);
    if (!index || state_[*index] != State::Taken) return;
    state_[*index] = State::Free;
    free_.push_back(rtp);
    ++free_count_;
}

void PortPool::set_aside(uint16_t rtp) {
    const auto index = index_of(rtp);
    if (!index) return;
    if (state_[*index] == State::Free) --free_count_;
    state_[*index] = State::Aside;
}

}  // namespace tandem::roles::media_gate
