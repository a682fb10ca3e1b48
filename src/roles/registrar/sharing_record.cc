#include "roles/registrar/sharing_record.h"

#include <charconv>

#include "roles/registrar/limits.h"

namespace tandem::roles::registrar {
namespace {

template <typename T>
bool take(std::string_view& text, T& value) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    return true;
}

}  // namespace

std::string to_text(const SharingRecord& record) {
    return std::to_string(record.number) + " " + std::to_string(record.digest) + " " +
           std::to_string(record.as_of.generation) + " " + std::to_string(record.as_of.number);
}

std::optional<SharingRecord> parse_sharing(std::string_view text) {
    SharingRecord record;
    if (take(text, record.number) && take(text, record.digest) &&
        take(text, record.as_of.generation) && take(text, record.as_of.number))
        return record;
    return std::nullopt;
}

void SharingAgreement::want(Now now, const ports::GroupChoices& choices, store::Revision layers) {
    if (wanted_ != choices) wanted_ = choices;
    layers_ = layers;
    look(now);
}

void SharingAgreement::learn(Now now, const store::KeyValue* item) {
    text_ = item == nullptr ? std::string() : item->value;
    // One that can't be read is of a later version: its value is compared, and nothing agrees.
    const auto record = item == nullptr ? SharingRecord() : parse_sharing(item->value);
    record_ = record.value_or(SharingRecord{0, ~uint64_t{0}, {}});
    again_at_.reset();
    look(now);
}

void SharingAgreement::look(Now now) {
    if (agrees()) {
        since_.reset();
        again_at_.reset();
    } else if (!since_) {
        since_ = now.mono;
    }
}

store::Compare SharingAgreement::guard() const {
    const std::string key(sharing_key);
    return text_.empty() ? store::Compare::absent(key) : store::Compare::value_is(key, text_);
}

std::optional<store::Txn> SharingAgreement::proposal(Now now,
                                                     const std::vector<store::Compare>& post) {
    if (agrees() || (again_at_ && now.mono < *again_at_)) return std::nullopt;
    // Whoever proposed it has seen changes of the layers that are still on their way to us. After a
    // backup was brought back its revisions may be of another time: nobody waits for them for ever.
    if (record_.as_of >= layers_ && now.mono < *since_ + sharing_wait_max) return std::nullopt;
    again_at_ = now.mono + sharing_retry;
    store::Txn txn;
    txn.compares = post;
    txn.compares.push_back(guard());
    txn.then_ops.emplace_back(store::Put{
        std::string(sharing_key), to_text({record_.number + 1, wanted_.digest(), layers_}), 0});
    return txn;
}

std::optional<Instant> SharingAgreement::next_deadline() const {
    if (again_at_) return again_at_;
    if (since_ && record_.as_of >= layers_) return *since_ + sharing_wait_max;
    return std::nullopt;
}

}  // namespace tandem::roles::registrar
