#include "app/config/site_keys.h"

#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "app/config/durable_file.h"
#include "base/bytes.h"

namespace tandem::app {
namespace {

Error file_error(const std::string& path, const std::string& what) {
    return make_error(ErrorCode::Internal, "", path + ": " + what);
}

SealKey derive(BytesView root, std::string_view purpose) {
    return hmac_sha256(root, as_bytes(purpose));
}

}  // namespace

Result<void> write_secret(const std::string& path, const std::string& text) {
    return replace_file(path, text, 0600);
}

std::string read_secret(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(trim(std::string((std::istreambuf_iterator<char>(file)), {})));
}

Result<SiteKeys> load_or_make_site_keys(const std::string& data_directory, Rng& rng) {
    const std::string path = data_directory + "/site.key";
    if (access(path.c_str(), F_OK) != 0) {
        Bytes root(32);
        for (uint8_t& octet : root) octet = static_cast<uint8_t>(rng.next());
        TRY(write_secret(path, hex_encode(root) + "\n"));
    }
    const auto root = hex_decode(read_secret(path));
    if (!root || root->size() != 32) {
        return file_error(path, "must hold 64 hexadecimal digits; restore it from a backup");
    }
    SiteKeys keys;
    const SealKey tokens = derive(*root, "tokens");
    std::memcpy(&keys.tokens, tokens.data(), sizeof keys.tokens);
    const SealKey call_ids = derive(*root, "call ids");
    std::memcpy(&keys.call_ids, call_ids.data(), sizeof keys.call_ids);
    keys.seal = derive(*root, "seal");
    keys.nonces = derive(*root, "nonces");
    return keys;
}

Result<std::string> load_or_make_admin_token(const std::string& data_directory, Rng& rng) {
    const std::string path = data_directory + "/admin.token";
    if (access(path.c_str(), F_OK) != 0) TRY(write_secret(path, rng.token(40) + "\n"));
    std::string token = read_secret(path);
    if (token.size() < 16) return file_error(path, "must hold a token of at least 16 characters");
    return token;
}

}  // namespace tandem::app
