#include "store/stored_object.h"

#include <boost/json.hpp>
#include <utility>

namespace tandem::store {

namespace json = boost::json;

struct StoredObject::Members {
    json::object object;

    const json::value* find(std::string_view name) const { return object.if_contains(name); }
    const json::array& list(std::string_view name) const {
        static const json::array kNone;
        const json::value* value = find(name);
        const json::array* list = value != nullptr ? value->if_array() : nullptr;
        return list != nullptr ? *list : kNone;
    }
};

StoredObject::StoredObject(std::unique_ptr<const Members> members) : members_(std::move(members)) {}
StoredObject::StoredObject(StoredObject&&) noexcept = default;
StoredObject& StoredObject::operator=(StoredObject&&) noexcept = default;
StoredObject::~StoredObject() = default;

std::optional<StoredObject> StoredObject::parse(std::string_view text) {
    boost::system::error_code error;
    json::value value = json::parse(json::string_view(text.data(), text.size()), error);
    if (error || !value.is_object()) return std::nullopt;
    return StoredObject(std::make_unique<const Members>(Members{std::move(value.get_object())}));
}

std::string StoredObject::text(std::string_view name) const {
    const json::value* value = members_->find(name);
    const json::string* text = value != nullptr ? value->if_string() : nullptr;
    return text != nullptr ? std::string(text->data(), text->size()) : std::string();
}

int64_t StoredObject::number(std::string_view name) const {
    const json::value* value = members_->find(name);
    const int64_t* number = value != nullptr ? value->if_int64() : nullptr;
    return number != nullptr ? *number : 0;
}

// The library reads what fits as signed.
uint64_t StoredObject::unsigned_number(std::string_view name) const {
    const json::value* value = members_->find(name);
    const uint64_t* large = value != nullptr ? value->if_uint64() : nullptr;
    return large != nullptr ? *large : static_cast<uint64_t>(number(name));
}

std::optional<bool> StoredObject::flag(std::string_view name) const {
    const json::value* value = members_->find(name);
    const bool* flag = value != nullptr ? value->if_bool() : nullptr;
    return flag != nullptr ? std::optional(*flag) : std::nullopt;
}

std::vector<std::string> StoredObject::texts(std::string_view name) const {
    std::vector<std::string> texts;
    for (const json::value& each : members_->list(name)) {
        if (const json::string* text = each.if_string())
            texts.emplace_back(text->data(), text->size());
    }
    return texts;
}

std::vector<StoredObject> StoredObject::objects(std::string_view name) const {
    std::vector<StoredObject> objects;
    for (const json::value& each : members_->list(name)) {
        if (const json::object* object = each.if_object())
            objects.push_back(StoredObject(std::make_unique<const Members>(Members{*object})));
    }
    return objects;
}

}  // namespace tandem::store
