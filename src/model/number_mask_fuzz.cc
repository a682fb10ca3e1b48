// Feeds two texts, cut at the first zero byte or line's end, to the parser of masks, and holds what
// it makes of them to the meaning of overlapping and covering.
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/check.h"
#include "model/limits.h"
#include "model/number_mask.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using tandem::model::NumberMask;
    const std::string_view text = tandem::as_text({data, size});
    const size_t cut = std::min(text.find_first_of(std::string_view("\0\n", 2)), text.size());
    const auto one = NumberMask::parse(text.substr(0, cut));
    const std::string_view rest = cut < text.size() ? text.substr(cut + 1) : std::string_view();
    const auto other = NumberMask::parse(rest);
    if (!one) CHECK(one.error().message.starts_with("at position ") && one.error().offset <= cut);
    if (!one) return 0;
    CHECK(one->elements().size() <= tandem::model::mask_elements_max);
    CHECK(one->covers(*one) && one->overlaps(*one));
    const std::string only = one->only_number();
    if (!only.empty()) CHECK(one->matches(only));
    // A text may be a number as well as a mask.
    const bool fits = one->matches(rest);
    if (!other) return 0;
    CHECK(one->overlaps(*other) == other->overlaps(*one));
    if (one->covers(*other)) CHECK(one->overlaps(*other));
    if (one->covers(*other) && other->covers(*one)) CHECK(*one == *other);
    if (!other->only_number().empty() && other->only_number() == rest)
        CHECK(fits == one->covers(*other) && fits == one->overlaps(*other));
    return 0;
}
