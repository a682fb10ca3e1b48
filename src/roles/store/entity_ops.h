// What a write of an entity is made of: its value, the indexes that guard its names, and what it
// refers to. Used for what the API asks for and for what the system makes itself.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/instant.h"
#include "model/codec.h"
#include "roles/store/entity_kinds.h"
#include "store/writer.h"

namespace tandem::roles::store_role {

struct Stamp {
    UtcTime now;
    std::string_view writer;
};

template <typename T>
std::string id_text(const T& value) {
    if constexpr (requires { value.id; }) return value.id.text();
    return {};
}

// What it refers to must be there.
template <typename T>
void add_references(const T& value, store::Member& write) {
    DomainId domain;
    if constexpr (requires { value.domain; }) domain = value.domain;
    if constexpr (std::is_same_v<T, model::Domain>) domain = value.id;
    for (const model::Reference& each : model::references_of(value)) {
        const store::Compare there = store::Compare::exists(key_of(domain, each));
        if (std::find(write.compares.begin(), write.compares.end(), there) == write.compares.end())
            write.compares.push_back(there);
    }
}

// Index keys that come must be absent, those that go are deleted.
template <typename T>
void change_indexes(const T* before, const T* after, store::Member& write) {
    const auto old_keys = before ? Kind<T>::indexes(*before) : std::vector<std::string>{};
    const auto new_keys = after ? Kind<T>::indexes(*after) : std::vector<std::string>{};
    for (const std::string& key : old_keys)
        if (std::count(new_keys.begin(), new_keys.end(), key) == 0)
            write.ops.push_back(store::Delete{key});
    for (const std::string& key : new_keys) {
        if (std::count(old_keys.begin(), old_keys.end(), key) > 0) continue;
        write.compares.push_back(store::Compare::absent(key));
        write.ops.push_back(store::Put{key, id_text(*after), 0});
    }
}

// `previous`: the envelope that it replaces, whose unknown fields survive; empty: there is none.
template <typename T>
void put_value(const T& value, const Stamp& stamp, uint64_t version, std::string_view previous,
               store::Member& write) {
    model::EnvelopeHead head;
    head.schema = model::schema_version;
    head.written = stamp.now;
    head.writer = stamp.writer;
    head.version = version;
    write.ops.push_back(
        store::Put{Kind<T>::key(value), model::encode_stored(value, head, previous), 0});
}

// Its value and its indexes, which nobody may have.
template <typename T>
void put_new(const T& value, const Stamp& stamp, store::Member& write) {
    write.compares.push_back(store::Compare::absent(Kind<T>::key(value)));
    change_indexes<T>(nullptr, &value, write);
    put_value(value, stamp, 1, {}, write);
}

}  // namespace tandem::roles::store_role
