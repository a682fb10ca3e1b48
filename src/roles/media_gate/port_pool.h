// The pairs of UDP ports of a media gate: RTP even, RTCP the odd one above (RFC 3550 11).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace tandem::roles::media_gate {

// Hands out the pair that has been free for longest of those used before, so that late packets of
// an ended call do not meet a new one. Pairs not used yet are taken only while too few are resting:
// sockets that are used again and again are cheaper than the whole range in turn.
class PortPool {
 public:
    // Both included; an odd first and an even last are left out. Each life of a gate begins at
    // other ports: phones go on sending to those of the life before, whose calls may not have
    // claimed theirs again when new calls come, and must not be heard in them.
    PortPool(uint16_t first, uint16_t last, uint32_t life = 0);

    // From now on ports of this range are given out. Those outside it that are taken stay so until
    // they are given back.
    void set_range(uint16_t first, uint16_t last);
    std::optional<uint16_t> take();  // the even port
    bool take_this(uint16_t rtp);    // false: not of the range, or in use
    void give_back(uint16_t rtp);
    // Somebody else has it: it is given to nobody until the instance restarts.
    void set_aside(uint16_t rtp);

    size_t free_pairs() const { return free_count_; }
    size_t pairs() const { return pairs_; }  // of the range, and those outside it that are taken

    static constexpr size_t kPairsOfAll = 32'768;  // that 16 bits can number

 private:
    enum class State : uint8_t { Outside, Free, Taken, Aside };
    bool is_inside(uint16_t rtp) const;

    std::optional<uint16_t> take_from(std::deque<uint16_t>& free);

    uint16_t first_ = 0;
    uint16_t last_ = 0;
    std::vector<State> state_;  // by half the even port
    // Both may hold ports that are not free any more; take() skips them.
    std::deque<uint16_t> unused_;
    std::deque<uint16_t> resting_;
    size_t free_count_ = 0;
    size_t pairs_ = 0;
};

}  // namespace tandem::roles::media_gate
