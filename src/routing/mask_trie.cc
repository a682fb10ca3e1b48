#include "routing/mask_trie.h"

#include <algorithm>

namespace tandem::routing {

// A new child is the last of its parent's, so that better ranks come first.
uint32_t MaskTrie::child_for(uint32_t at, model::NumberMask::Symbols symbols) {
    uint32_t last = none;
    for (uint32_t child = nodes_[at].first_child; child != none; child = nodes_[child].next) {
        if (nodes_[child].symbols == symbols) return child;
        last = child;
    }
    const auto fresh = static_cast<uint32_t>(nodes_.size());
    nodes_.emplace_back().symbols = symbols;
    (last == none ? nodes_[at].first_child : nodes_[last].next) = fresh;
    return fresh;
}

uint32_t MaskTrie::add(const model::NumberMask& mask, Rank rank) {
    uint32_t at = 0;
    nodes_[at].best = std::min(nodes_[at].best, rank);
    for (const auto symbols : mask.elements()) {
        at = child_for(at, symbols);
        nodes_[at].best = std::min(nodes_[at].best, rank);
    }
    uint32_t& slot = mask.is_open() ? nodes_[at].open : nodes_[at].end;
    if (slot == none) slot = slots_++;
    return slot;
}

}  // namespace tandem::routing
