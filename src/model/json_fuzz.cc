// Feeds arbitrary documents to every entity decoder. Whatever is accepted must come back the same
// after being written and read again. The first byte chooses the entity.
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/check.h"
#include "model/entities.h"
#include "model/patch.h"

namespace tandem::model {
namespace {

template <typename T>
void round_trip(std::string_view text) {
    const auto strict = decode<T>(text, Source::Api);
    if (!strict) CHECK(!strict.error().message.empty());
    const auto value = decode<T>(text, Source::Store);
    if (strict) CHECK(value && *value == *strict);
    if (value) {
        const auto again = decode<T>(encode(*value, Audience::Store), Source::Store);
        CHECK(again && *again == *value);
        const auto stored = decode_stored<T>(encode_stored(*value, {}, text));
        CHECK(stored && stored->value == *value);
    }
    if (decode_stored<T>(text)) (void)encode_stored(T{}, {}, text);
    (void)merge_patch(encode(T{}, Audience::Store), text, shape_of<T>());
    (void)check_given(text, shape_of<T>());
}

}  // namespace
}  // namespace tandem::model

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace tandem::model;
    if (size == 0) return 0;
    const std::string_view text = tandem::as_text({data + 1, size - 1});
    using Case = void (*)(std::string_view);
    static constexpr Case cases[] = {
        round_trip<Account>,        round_trip<Domain>,    round_trip<RoleInstance>,
        round_trip<Interface>,      round_trip<Cdr>,       round_trip<NumberRange>,
        round_trip<Licence>,        round_trip<Site>,      round_trip<Server>,
        round_trip<SystemSettings>, round_trip<User>,      round_trip<Trunk>,
        round_trip<TrunkGroup>,     round_trip<RingGroup>, round_trip<FeatureCode>,
        round_trip<DialRule>,       round_trip<Schedule>,  round_trip<Representation>,
        round_trip<Music>,          round_trip<Queue>,     round_trip<QueueAgent>};
    cases[data[0] % (sizeof cases / sizeof cases[0])](text);
    return 0;
}
