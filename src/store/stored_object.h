// Reads the small JSON objects that roles keep of their live state (bindings, messages,
// subscriptions, publications). What is absent, or of another type than asked for, reads as empty
// or 0: each reader says itself what it can't do without. Unknown members are ignored, so that an
// older instance reads what a newer one wrote.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::store {

class StoredObject {
 public:
    static std::optional<StoredObject> parse(std::string_view json);
    StoredObject(StoredObject&&) noexcept;
    StoredObject& operator=(StoredObject&&) noexcept;
    ~StoredObject();

    std::string text(std::string_view name) const;
    int64_t number(std::string_view name) const;
    uint64_t unsigned_number(std::string_view name) const;
    std::optional<bool> flag(std::string_view name) const;
    std::vector<std::string> texts(std::string_view name) const;
    std::vector<StoredObject> objects(std::string_view name) const;

 private:
    struct Members;
    explicit StoredObject(std::unique_ptr<const Members> members);
    std::unique_ptr<const Members> members_;
};

}  // namespace tandem::store
