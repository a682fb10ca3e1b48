#include "routing/trunk_numbers.h"

#include <algorithm>

#include "model/number_mask.h"
#include "routing/dial_plan.h"
#include "routing/number_change.h"
#include "routing/numbering.h"

namespace tandem::routing {
namespace {

bool is_number(std::string_view text) {
    return !text.empty() &&
           std::ranges::all_of(text, [](char c) { return model::symbol_of(c) != 0; });
}

}  // namespace

std::string adapted(const std::vector<model::TrunkNumberChange>& changes,
                    const model::NumberingSettings& numbering, std::string_view number) {
    if (changes.empty() || !is_number(number)) return std::string(number);
    const std::string abroad = international(numbering, number).value_or("");
    for (const model::TrunkNumberChange& each : changes) {
        const auto mask = model::NumberMask::parse(each.mask);
        if (!mask) continue;
        const std::string_view form = is_international(*mask) ? abroad : number;
        if (form.empty() || !mask->matches(form)) continue;
        std::string out = changed(each, form);
        return out.empty() ? std::string(number) : out;
    }
    return std::string(number);
}

Result<void> check_changes(std::string_view field,
                           const std::vector<model::TrunkNumberChange>& changes) {
    for (size_t i = 0; i < changes.size(); ++i) {
        const model::TrunkNumberChange& each = changes[i];
        const std::string at = std::string(field) + "[" + std::to_string(i) + "]";
        auto mask = model::NumberMask::parse(each.mask);
        if (!mask) {
            mask.error().field = at + ".mask";
            return mask.error();
        }
        if (!each.prefix.empty() && !is_number(each.prefix))
            return make_error(ErrorCode::OutOfRange, at + ".prefix",
                              "must consist of digits, '*', '#' and '+'");
        const bool leaves_nothing = !mask->is_open() && each.prefix.empty() &&
                                    static_cast<size_t>(each.strip) >= mask->elements().size();
        if (leaves_nothing)
            return make_error(ErrorCode::OutOfRange, at + ".strip",
                              "leaves nothing of the numbers that fit the mask");
    }
    return {};
}

}  // namespace tandem::routing
