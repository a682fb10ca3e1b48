#include "routing/numbering.h"

#include <algorithm>

#include "routing/limits.h"

namespace tandem::routing {
namespace {

bool is_digits(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// `digits` behind the "+".
std::optional<std::string> in_bounds(std::string digits) {
    if (digits.size() < international_digits_min || digits.size() > international_digits_max)
        return std::nullopt;
    return "+" + digits;
}

}  // namespace

std::optional<std::string> international(const model::NumberingSettings& numbering,
                                         std::string_view number) {
    if (number.starts_with('+')) {
        number.remove_prefix(1);
        return is_digits(number) ? in_bounds(std::string(number)) : std::nullopt;
    }
    if (numbering.country_code.empty() || !is_digits(number)) return std::nullopt;
    const std::string& abroad = numbering.international_prefix;
    if (!abroad.empty() && number.starts_with(abroad))
        return in_bounds(std::string(number.substr(abroad.size())));
    const std::string& trunk = numbering.trunk_prefix;
    if (!trunk.empty() && number.starts_with(trunk))
        return in_bounds(numbering.country_code + std::string(number.substr(trunk.size())));
    if (number.size() < local_digits_min) return std::nullopt;
    // Without a trunk prefix every number of the country is dialled whole.
    if (trunk.empty()) return in_bounds(numbering.country_code + std::string(number));
    if (numbering.area_code.empty()) return std::nullopt;
    return in_bounds(numbering.country_code + numbering.area_code + std::string(number));
}

std::optional<std::string> whole_number(const model::NumberingSettings& numbering,
                                        std::string_view number) {
    const auto length = static_cast<size_t>(numbering.short_length);
    if (length == 0 || number.size() != length || !is_digits(number)) return std::nullopt;
    return numbering.short_prefix + std::string(number);
}

std::vector<std::string> forms_of(const model::NumberingSettings& numbering,
                                  std::string_view number) {
    std::vector<std::string> forms = {std::string(number)};
    if (auto whole = whole_number(numbering, number)) forms.push_back(std::move(*whole));
    if (auto abroad = international(numbering, number); abroad && *abroad != number)
        forms.push_back(std::move(*abroad));
    return forms;
}

Result<void> check_numbering(const model::NumberingSettings& numbering) {
    const std::pair<std::string_view, const std::string&> digits[] = {
        {"country_code", numbering.country_code},
        {"area_code", numbering.area_code},
        {"trunk_prefix", numbering.trunk_prefix},
        {"international_prefix", numbering.international_prefix}};
    for (const auto& [field, value] : digits)
        if (!is_digits(value))
            return make_error(ErrorCode::OutOfRange, field, "must consist of digits");
    if (numbering.country_code.starts_with('0'))
        return make_error(ErrorCode::OutOfRange, "country_code", "must not begin with 0");
    const bool is_short = numbering.short_length != 0;
    if (is_short && numbering.short_prefix.empty())
        return make_error(ErrorCode::Missing, "short_prefix", "is required with short_length");
    if (!is_short && !numbering.short_prefix.empty())
        return make_error(ErrorCode::Missing, "short_length", "is required with short_prefix");
    return {};
}

}  // namespace tandem::routing
