// The pairs of UDP ports of a media gate: RTP even, RTCP the odd one above (RFC 3550 11).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace tandem::roles::media_gate {

// Hands out the pair that has been free for longest, so that late packets of an ended call do not
// meet a new one.
class PortPool {
 public:
    PortPool(uint16_t first,
             uint16_t last);  // both included; an odd first and an even last are left out

    std::optional<uint16_t> take();  // the even port
    bool take_this(uint16_t rtp);    // false: not of this pool, or in use
    void give_back(uint16_t rtp);
    // Somebody else has it: it is given to nobody until the instance restarts.
    void set_aside(uint16_t rtp);

    size_t free_pairs() const { return free_count_; }
    size_t pairs() const { return state_.size(); }
    uint16_t first() const { return first_; }

 private:
    enum class State : uint8_t { Free, Taken, Aside };
    std::optional<size_t> index_of(uint16_t rtp) const;

    uint16_t first_;
    std::vector<State> state_;
    std::deque<uint16_t> free_;  // may hold ports that take_this() took; take() skips them
    size_t free_count_ = 0;
};

}  // namespace tandem::roles::media_gate
