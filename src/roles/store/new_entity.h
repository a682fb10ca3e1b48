// Entities that the system makes itself, beside those that the API asks for.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/instant.h"
#include "model/codec.h"
#include "roles/store/entity_kinds.h"
#include "store/writer.h"

namespace tandem::roles::store_role {

// Its value and its indexes, which nobody may have.
template <typename T>
void put_new(const T& value, UtcTime now, std::string_view writer, store::Member& write) {
    model::EnvelopeHead head;
    head.written = now;
    head.writer = writer;
    write.compares.push_back(store::Compare::absent(Kind<T>::key(value)));
    write.ops.push_back(store::Put{Kind<T>::key(value), model::encode_stored(value, head), 0});
    for (std::string& index : Kind<T>::indexes(value)) {
        std::string id;
        if constexpr (requires { value.id; }) id = value.id.text();
        write.compares.push_back(store::Compare::absent(index));
        write.ops.push_back(store::Put{std::move(index), std::move(id), 0});
    }
}

}  // namespace tandem::roles::store_role
