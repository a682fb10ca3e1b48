// Which of many masks fit a number, in time that depends on the number, not on how many masks there
// are: a tree with an edge for each element of the masks, so that those which begin alike share
// their way. Each mask stands for something with a rank; a search is for low ranks and leaves out
// whole branches that have none below the best it has found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "model/number_mask.h"

namespace tandem::routing {

using Rank = uint32_t;
inline constexpr Rank no_rank = std::numeric_limits<Rank>::max();

class MaskTrie {
 public:
    MaskTrie() : nodes_(1) {}

    // The slot of the mask: the same one for the same mask, from 0 in the order of their first
    // coming. Ranks come in rising order.
    uint32_t add(const model::NumberMask& mask, Rank rank);
    size_t slots() const { return slots_; }

    // Calls `visit(slot)`, which answers the lowest rank found so far, for the slots of masks that
    // `number` fits, as long as they may have a rank below that. `best`: where to begin.
    template <typename Visit>
    void search(std::string_view number, Rank best, Visit&& visit) const {
        search_node(0, number, best, visit);
    }

    // The same for masks that overlap with `mask`. Every node that it comes by takes one of
    // `steps`; with none left it ends.
    template <typename Visit>
    void search_overlapping(const model::NumberMask& mask, Rank best, size_t& steps,
                            Visit&& visit) const {
        search_overlapping(0, {mask, 0}, best, steps, visit);
    }

 private:
    static constexpr uint32_t none = std::numeric_limits<uint32_t>::max();
    struct Node {
        model::NumberMask::Symbols symbols = 0;  // of the edge that leads here
        uint32_t first_child = none;
        uint32_t next = none;  // child of the same parent
        uint32_t end = none;   // slot of the mask that ends here
        uint32_t open = none;  // the same, of the mask that may go on
        Rank best = no_rank;   // of all from here on
    };
    struct Place {
        const model::NumberMask& mask;
        size_t depth;
    };

    template <typename Visit>
    void search_node(uint32_t at, std::string_view rest, Rank& best, Visit& visit) const {
        const Node& node = nodes_[at];
        if (node.best >= best) return;
        if (node.open != none) best = visit(node.open);
        if (rest.empty()) {
            if (node.end != none) best = visit(node.end);
            return;
        }
        const auto symbol = model::symbol_of(rest.front());
        for (uint32_t child = node.first_child; child != none; child = nodes_[child].next)
            if ((nodes_[child].symbols & symbol) != 0)
                search_node(child, rest.substr(1), best, visit);
    }

    template <typename Visit>
    void search_overlapping(uint32_t at, Place place, Rank& best, size_t& steps,
                            Visit& visit) const {
        const Node& node = nodes_[at];
        if (node.best >= best || steps == 0) return;
        --steps;
        if (node.open != none) best = visit(node.open);
        const auto& elements = place.mask.elements();
        const bool is_through = place.depth >= elements.size();
        if (is_through && node.end != none) best = visit(node.end);
        if (is_through && !place.mask.is_open()) return;
        for (uint32_t child = node.first_child; child != none; child = nodes_[child].next)
            if (is_through || (nodes_[child].symbols & elements[place.depth]) != 0)
                search_overlapping(child, {place.mask, place.depth + 1}, best, steps, visit);
    }

    uint32_t child_for(uint32_t at, model::NumberMask::Symbols symbols);

    std::vector<Node> nodes_;
    uint32_t slots_ = 0;
};

}  // namespace tandem::routing
