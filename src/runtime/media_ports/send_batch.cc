#include <cstring>

#include "runtime/media_ports/media_engine.h"

namespace tandem::runtime {

SendBatch::SendBatch(const MediaTable& table, MediaCounters& counters)
    : table_(table), counters_(counters), items_(media_sends_max) {}

void SendBatch::send(uint32_t port_id, const SocketAddress& to, std::span<const uint8_t> packet) {
    const uint32_t slot = table_.find(port_id);
    const bool fits = packet.size() <= sizeof(Copy);
    if (slot == MediaTable::kNone || used_ == items_.size() || !fits) {
        ++counters_.lost;
        return;
    }
    Item& item = items_[used_++];
    item.slot = slot;
    item.to = NativeAddress(to);
    const uint8_t* from = packet.data();
    const bool is_lent = from >= lent_.data() && from < lent_.data() + lent_.size();
    if (!is_lent) {
        if (copies_used_ == copies_.size()) copies_.push_back(std::make_unique<Copy>());
        Copy& copy = *copies_[copies_used_++];
        std::memcpy(copy.data(), packet.data(), packet.size());
        from = copy.data();
    }
    item.bytes = {const_cast<uint8_t*>(from), packet.size()};
    item.header = {};
    item.header.msg_name = &item.to.storage;
    item.header.msg_namelen = item.to.size;
    item.header.msg_iov = &item.bytes;
    item.header.msg_iovlen = 1;
}

void SendBatch::clear() {
    used_ = 0;
    copies_used_ = 0;
}

}  // namespace tandem::runtime
