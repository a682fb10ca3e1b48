#include "ports/lost_gates.h"

namespace tandem::ports {

bool LostGates::look(const Directory& directory) {
    std::unordered_map<uint16_t, uint32_t> now;
    for (const DirectoryEntry& entry : directory.entries()) {
        const bool is_gate =
            entry.kind == RoleKind::SipGate || entry.kind == RoleKind::ExternalSipGate;
        if (is_gate && entry.reachable) now[entry.instance.number] = entry.epoch;
    }
    lost_.clear();
    for (const auto& [number, epoch] : epochs_) {
        const auto found = now.find(number);
        if (found == now.end() || found->second != epoch) lost_.insert(number);
    }
    epochs_ = std::move(now);
    return !lost_.empty();
}

}  // namespace tandem::ports
