// An ordered tree whose versions share what did not change: a write copies the nodes on one path
// and leaves every older version whole. Keys live in the records; a node holds for each entry 8
// bytes of its key beside the pointer, so that most comparisons touch no record. Nodes are
// allocated at their exact size: about 18 bytes an entry.
//
// References are counted without atomics: a tree, its copies and its records belong to one thread.
// Reading (find, visit) changes no count, so other threads may read a version that its owner keeps.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include "store/counted.h"

namespace tandem::store {

// `Keying::key(const Record&)` gives the key by value (Bits128, int or string_view).
template <typename Record, typename Keying>
class PersistentTree {
 public:
    using Key = decltype(Keying::key(std::declval<const Record&>()));

    PersistentTree() = default;
    PersistentTree(const PersistentTree& other) : root_(other.root_), size_(other.size_) {
        if (root_ != nullptr) ++root_->references;
    }
    PersistentTree(PersistentTree&& other) noexcept
        : root_(std::exchange(other.root_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    PersistentTree& operator=(PersistentTree other) noexcept {
        std::swap(root_, other.root_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~PersistentTree() { drop(root_); }

    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

    const Record* find(Key key) const {
        const Node* node = root_;
        while (node != nullptr) {
            const size_t after = upper_bound(*node, key);
            if (after == 0) return nullptr;
            const Entry& entry = node->entries()[after - 1];
            if (node->height == 0) {
                const auto* record = static_cast<const Record*>(entry.target);
                return Keying::key(*record) == key ? record : nullptr;
            }
            node = static_cast<const Node*>(entry.target);
        }
        return nullptr;
    }

    // Puts a record, in the place of the one with the same key.
    void put(const Record* record) {
        ++record->references;
        if (root_ == nullptr) {
            const Entry only{key_prefix(Keying::key(*record)), record};
            root_ = pack(&only, 1, 0);
            size_ = 1;
            return;
        }
        const auto [left, right] = insert(std::exchange(root_, nullptr), record);
        root_ = left;
        if (right == nullptr) return;
        const Entry both[2] = {entry_of(left), entry_of(right)};
        root_ = pack(both, 2, left->height + 1);
    }

    void erase(Key key) {
        if (find(key) == nullptr) return;
        root_ = remove(root_, key);
        --size_;
        while (root_ != nullptr && root_->height > 0 && root_->count == 1) {
            Buffer buffer;
            unpack(root_, buffer);
            root_ = const_cast<Node*>(static_cast<const Node*>(buffer[0].target));
        }
    }

    // Records with key > `after` in order, until `visit(const Record&)` answers false.
    template <typename Visit>
    bool visit_after(Key after, Visit&& visit) const {
        return root_ == nullptr || visit_node(*root_, &after, visit);
    }
    template <typename Visit>
    bool visit(Visit&& visit) const {
        return root_ == nullptr || visit_node(*root_, nullptr, visit);
    }

 private:
    static constexpr size_t fanout = 32;

    struct Entry {
        uint64_t prefix = 0;           // of the smallest key below
        const void* target = nullptr;  // Record at height 0, else Node
    };
    struct Node {
        mutable uint32_t references;
        uint16_t count;
        uint16_t height;
        const Entry* entries() const { return reinterpret_cast<const Entry*>(this + 1); }
        Entry* entries() { return reinterpret_cast<Entry*>(this + 1); }
    };
    static_assert(sizeof(Node) % alignof(Entry) == 0);
    using Buffer = std::array<Entry, fanout + 1>;

    static const Record& smallest(const Entry& entry, int height) {
        const void* target = entry.target;
        for (; height > 0; --height) target = static_cast<const Node*>(target)->entries()[0].target;
        return *static_cast<const Record*>(target);
    }
    static Entry entry_of(const Node* node) { return {node->entries()[0].prefix, node}; }

    // The number of entries whose smallest key is <= `key`.
    static size_t upper_bound(const Node& node, const Key& key) {
        const uint64_t prefix = key_prefix(key);
        size_t low = 0;
        size_t high = node.count;
        while (low < high) {
            const size_t middle = (low + high) / 2;
            const Entry& entry = node.entries()[middle];
            const bool above = entry.prefix != prefix
                                   ? entry.prefix > prefix
                                   : key < Keying::key(smallest(entry, node.height));
            (above ? high : low) = above ? middle : middle + 1;
        }
        return low;
    }

    static Node* pack(const Entry* entries, size_t count, int height) {
        void* memory = ::operator new(sizeof(Node) + count * sizeof(Entry));
        Node* node =
            new (memory) Node{1, static_cast<uint16_t>(count), static_cast<uint16_t>(height)};
        std::memcpy(static_cast<void*>(node->entries()), entries, count * sizeof(Entry));
        return node;
    }

    // Gives up one reference to `node`; the buffer then owns one reference to each target.
    static size_t unpack(Node* node, Buffer& buffer) {
        const size_t count = node->count;
        std::copy_n(node->entries(), count, buffer.begin());
        if (node->references == 1) {
            ::operator delete(node);
            return count;
        }
        for (size_t i = 0; i < count; ++i) retain(buffer[i].target, node->height);
        --node->references;
        return count;
    }
    static void retain(const void* target, int height) {
        if (height == 0)
            ++static_cast<const Record*>(target)->references;
        else
            ++static_cast<const Node*>(target)->references;
    }
    static void drop_target(const void* target, int height) {
        if (height > 0) return drop(static_cast<const Node*>(target));
        const auto* record = static_cast<const Record*>(target);
        if (--record->references == 0) release(record);
    }
    static void drop(const Node* node) {
        if (node == nullptr || --node->references > 0) return;
        for (size_t i = 0; i < node->count; ++i)
            drop_target(node->entries()[i].target, node->height);
        ::operator delete(const_cast<Node*>(node));
    }

    // Splits off the overflow; when it was an append, the left part stays full.
    static std::pair<Node*, Node*> pack_split(const Buffer& buffer, size_t count, int height,
                                              size_t changed) {
        if (count <= fanout) return {pack(buffer.data(), count, height), nullptr};
        const size_t left = changed + 1 == count ? fanout : count / 2;
        return {pack(buffer.data(), left, height),
                pack(buffer.data() + left, count - left, height)};
    }
    static void open_gap(Buffer& buffer, size_t count, size_t at) {
        for (size_t i = count; i > at; --i) buffer[i] = buffer[i - 1];
    }

    std::pair<Node*, Node*> insert(Node* node, const Record* record) {
        const Key key = Keying::key(*record);
        const size_t after = upper_bound(*node, key);
        const int height = node->height;
        Buffer buffer;
        size_t count = unpack(node, buffer);
        if (height == 0) {
            const bool same = after > 0 && Keying::key(smallest(buffer[after - 1], 0)) == key;
            if (same) {
                drop_target(buffer[after - 1].target, 0);
                buffer[after - 1] = {key_prefix(key), record};
                return {pack(buffer.data(), count, 0), nullptr};
            }
            open_gap(buffer, count++, after);
            buffer[after] = {key_prefix(key), record};
            ++size_;
            return pack_split(buffer, count, 0, after);
        }
        const size_t at = after > 0 ? after - 1 : 0;
        auto* child = const_cast<Node*>(static_cast<const Node*>(buffer[at].target));
        const auto [left, right] = insert(child, record);
        buffer[at] = entry_of(left);
        if (right != nullptr) {
            open_gap(buffer, count++, at + 1);
            buffer[at + 1] = entry_of(right);
        }
        return pack_split(buffer, count, height, at + 1);
    }

    // The key is there. Null: the node became empty.
    Node* remove(Node* node, const Key& key) {
        const size_t at = upper_bound(*node, key) - 1;
        const int height = node->height;
        Buffer buffer;
        size_t count = unpack(node, buffer);
        Node* child = nullptr;
        if (height == 0)
            drop_target(buffer[at].target, 0);
        else
            child = remove(const_cast<Node*>(static_cast<const Node*>(buffer[at].target)), key);
        if (child != nullptr) {
            buffer[at] = entry_of(child);
            count = join_small(buffer, count, at, height - 1);
        } else {
            std::copy(buffer.begin() + at + 1, buffer.begin() + count, buffer.begin() + at);
            --count;
        }
        return count == 0 ? nullptr : pack(buffer.data(), count, height);
    }

    // Joins the shrunken child with a neighbour when both fit into half a node.
    static size_t join_small(Buffer& buffer, size_t count, size_t at, int height) {
        if (count < 2) return count;
        const size_t left = at + 1 < count ? at : at - 1;
        auto* a = const_cast<Node*>(static_cast<const Node*>(buffer[left].target));
        auto* b = const_cast<Node*>(static_cast<const Node*>(buffer[left + 1].target));
        if (static_cast<size_t>(a->count) + b->count > fanout / 2) return count;
        Buffer first;
        Buffer second;
        const size_t first_count = unpack(a, first);
        const size_t second_count = unpack(b, second);
        std::copy_n(second.begin(), second_count, first.begin() + first_count);
        buffer[left] = entry_of(pack(first.data(), first_count + second_count, height));
        std::copy(buffer.begin() + left + 2, buffer.begin() + count, buffer.begin() + left + 1);
        return count - 1;
    }

    template <typename Visit>
    static bool visit_node(const Node& node, const Key* after, Visit& visit) {
        const size_t passed = after == nullptr ? 0 : upper_bound(node, *after);
        if (node.height == 0) {
            for (size_t i = passed; i < node.count; ++i)
                if (!visit(*static_cast<const Record*>(node.entries()[i].target))) return false;
            return true;
        }
        for (size_t i = passed > 0 ? passed - 1 : 0; i < node.count; ++i) {
            const auto& child = *static_cast<const Node*>(node.entries()[i].target);
            if (!visit_node(child, i + 1 == passed ? after : nullptr, visit)) return false;
        }
        return true;
    }

    Node* root_ = nullptr;
    size_t size_ = 0;
};

}  // namespace tandem::store
