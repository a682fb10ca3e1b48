#include "base/octets.h"
#include "runtime/http/http_reader.h"

namespace tandem::runtime {

namespace {

constexpr size_t kQueryPairsMax = 128;

Error bad_target() {
    return make_error(ErrorCode::Malformed, "target", "the request target is malformed", 400);
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, PlusSign plus) {
    std::string out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '+' && plus == PlusSign::Space) c = ' ';
        if (c == '%') {
            if (i + 2 >= text.size()) return std::nullopt;
            const int high = hex_value(text[i + 1]);
            const int low = hex_value(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            c = static_cast<char>(high * 16 + low);
            i += 2;
        }
        if (c == '\0') return std::nullopt;
        out.push_back(c);
    }
    return out;
}

Result<void> split_target(std::string_view target, ports::HttpRequest& request) {
    const size_t question = target.find('?');
    const auto path = percent_decode(target.substr(0, question), PlusSign::Literal);
    if (!path || !(path->starts_with('/') || *path == "*")) return bad_target();
    request.path = *path;
    if (question == std::string_view::npos) return {};
    std::string_view rest = target.substr(question + 1);
    while (!rest.empty()) {
        const size_t end = rest.find('&');
        const std::string_view pair = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        if (pair.empty()) continue;
        const size_t equals = pair.find('=');
        auto name = percent_decode(pair.substr(0, equals), PlusSign::Space);
        auto value = percent_decode(
            equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1),
            PlusSign::Space);
        if (!name || !value || request.query.size() >= kQueryPairsMax) return bad_target();
        request.query.emplace_back(std::move(*name), std::move(*value));
    }
    return {};
}

}  // namespace tandem::runtime
