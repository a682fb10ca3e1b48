#include "app/backup/backup_file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "app/backup/limits.h"
#include "base/octets.h"

namespace tandem::app {
namespace {

constexpr std::string_view kMagic{"tandem-backup\0\0\0", 16};
constexpr size_t kKeyed = 40;  // bytes of the header that the key stands on
constexpr size_t kCheck = 16;
constexpr size_t kHash = 32;
constexpr size_t kHeader = kKeyed + kCheck + kHash;
constexpr uint8_t kRecords = 1;
constexpr uint8_t kEnd = 2;
constexpr uint8_t kNoPassphrase = 0;
constexpr uint8_t kScrypt = 1;

std::array<uint8_t, 12> nonce_of(uint64_t block) {
    std::array<uint8_t, 12> nonce{};
    for (size_t i = 0; i < 8; ++i) nonce[11 - i] = static_cast<uint8_t>(block >> (8 * i));
    return nonce;
}

std::string sha256(std::string_view text) {
    return std::string(as_text(hash(HashAlgorithm::Sha256, as_bytes(text))));
}

SealKey key_of(const SealKey& base, std::string_view header) {
    return hmac_sha256(base, as_bytes(header.substr(0, kKeyed)));
}

std::string check_of(const SealKey& key) {
    const auto check = hmac_sha256(key, as_bytes("check"));
    return std::string(as_text(check).substr(0, kCheck));
}

// RFC 7914. nullopt: OpenSSL refuses the parameters.
std::optional<SealKey> scrypt(const std::string& passphrase, std::string_view header) {
    const auto at = [&](size_t index) { return static_cast<uint8_t>(header[index]); };
    const uint64_t n = uint64_t{1} << at(21);
    const uint64_t memory = 128 * at(22) * (n + at(23)) + (uint64_t{1} << 20);
    const BytesView salt = as_bytes(header.substr(24, 16));
    SealKey key{};
    const int made = EVP_PBE_scrypt(passphrase.data(), passphrase.size(), salt.data(), salt.size(),
                                    n, at(22), at(23), memory, key.data(), key.size());
    if (made != 1) return std::nullopt;
    return key;
}

}  // namespace

// ---- Writing.

Result<BackupWriter> BackupWriter::create(const std::string& path, const std::string& passphrase,
                                          Rng& rng) {
    const std::string fresh = path + ".new";
    const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    std::FILE* file = fd < 0 || fchmod(fd, 0600) != 0 ? nullptr : fdopen(fd, "wb");
    if (file == nullptr) {
        const Error why = make_error(ErrorCode::Internal, "", fresh + ": " + std::strerror(errno));
        if (fd >= 0) close(fd);
        return why;
    }
    BackupWriter writer(path, file);
    std::string header(kMagic);
    append_number(header, backup_version, 4);
    header += static_cast<char>(passphrase.empty() ? kNoPassphrase : kScrypt);
    for (const uint8_t each : {backup_scrypt_log2_n, backup_scrypt_r, backup_scrypt_p})
        header += static_cast<char>(each);
    for (int i = 0; i < 2; ++i) append_number(header, rng.next(), 8);
    SealKey base{};
    if (!passphrase.empty()) {
        const auto derived = scrypt(passphrase, header);
        if (!derived) return make_error(ErrorCode::Internal, "", "no memory for the passphrase");
        base = *derived;
    }
    writer.key_ = key_of(base, header);
    header += check_of(writer.key_);
    header += sha256(header);
    TRY(writer.write(header));
    return writer;
}

BackupWriter::~BackupWriter() {
    if (file_) unlink((path_ + ".new").c_str());
}

Error BackupWriter::failed() const {
    return make_error(ErrorCode::Internal, "", path_ + ".new: " + std::strerror(errno));
}

Result<void> BackupWriter::write(std::string_view bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) return failed();
    bytes_ += bytes.size();
    return {};
}

Result<void> BackupWriter::write_block(uint8_t kind) {
    std::string plain(1, static_cast<char>(kind));
    plain += gathered_;
    gathered_.clear();
    const Bytes box = seal(key_, nonce_of(block_++), as_bytes(plain));
    std::string length;
    append_number(length, box.size(), 4);
    TRY(write(length));
    return write(as_text(box));
}

Result<void> BackupWriter::add(store::BackupRecord::Kind kind, std::string_view key,
                               std::string_view value) {
    std::string record;
    store::append_record(record, kind, key, value);
    return add_encoded(record);
}

Result<void> BackupWriter::add_encoded(std::string_view records) {
    if (!gathered_.empty() && gathered_.size() + records.size() > backup_block_bytes)
        TRY(write_block(kRecords));
    gathered_ += records;
    return {};
}

Result<void> BackupWriter::finish() {
    if (!gathered_.empty()) TRY(write_block(kRecords));
    TRY(write_block(kEnd));
    const bool is_written = std::fflush(file_.get()) == 0 && fsync(fileno(file_.get())) == 0;
    if (!is_written || rename((path_ + ".new").c_str(), path_.c_str()) != 0) return failed();
    file_.reset();
    return {};
}

// ---- Reading.

Error BackupFile::wrong(ErrorCode code, std::string_view what) const {
    return make_error(code, "", path_ + ": " + std::string(what));
}

Error BackupFile::damaged() const {
    return wrong(ErrorCode::Malformed,
                 "the backup is damaged or not whole, from byte " + std::to_string(bytes_) + " on");
}

Result<BackupFile> BackupFile::open(const std::string& path) {
    std::FILE* file = std::fopen(path.c_str(), "rbe");
    if (file == nullptr) {
        return make_error(ErrorCode::NotFound, "", path + ": " + std::strerror(errno));
    }
    BackupFile backup(path, file);
    struct stat info {};
    if (fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode))
        backup.size_ = static_cast<uint64_t>(info.st_size);
    TRY(backup.read_header());
    if (!backup.wants_passphrase()) TRY(backup.take_key({}));
    return backup;
}

Result<void> BackupFile::read_header() {
    const bool is_read = read(header_, kHeader);
    if (!header_.starts_with(kMagic.substr(0, std::min(kMagic.size(), header_.size()))) ||
        header_.empty()) {
        return wrong(ErrorCode::Malformed, "this is no backup of Tandem");
    }
    if (!is_read) return damaged();
    // The hash first: what it does not confirm says nothing.
    const std::string_view header = header_;
    if (sha256(header.substr(0, kKeyed + kCheck)) != header.substr(kKeyed + kCheck)) {
        return wrong(ErrorCode::Malformed,
                     "the backup's header is damaged, or of a version that is not known here");
    }
    const uint64_t version = number_in(header.substr(16, 4));
    if (version != backup_version) {
        return wrong(ErrorCode::Unsupported, "the backup has format " + std::to_string(version) +
                                                 ", and this program knows "
                                                 "only format " +
                                                 std::to_string(backup_version) +
                                                 ": use a newer tandemd");
    }
    protection_ = static_cast<uint8_t>(header[20]);
    const bool is_known =
        protection_ == kNoPassphrase ||
        (protection_ == kScrypt && static_cast<uint8_t>(header[21]) <= backup_scrypt_log2_n_max &&
         static_cast<uint8_t>(header[22]) <= 32);
    if (is_known) return {};
    return wrong(ErrorCode::Unsupported, "the backup is protected in a way that is not known here");
}

Result<void> BackupFile::unlock(const std::string& passphrase) {
    if (!wants_passphrase()) return {};
    const auto base = scrypt(passphrase, header_);
    if (!base) return wrong(ErrorCode::Internal, "there is no memory to try the passphrase");
    return take_key(*base);
}

Result<void> BackupFile::take_key(const SealKey& base) {
    key_ = key_of(base, header_);
    const std::string_view check = std::string_view(header_).substr(kKeyed, kCheck);
    if (check_of(key_) == check) return {};
    return wants_passphrase() ? wrong(ErrorCode::Unauthorized, "the passphrase is wrong")
                              : damaged();
}

bool BackupFile::read(std::string& into, size_t size) {
    into.resize(size);
    const size_t count = std::fread(into.data(), 1, size, file_.get());
    into.resize(count);
    bytes_ += count;
    return count == size;
}

Result<void> BackupFile::read_block() {
    std::string length;
    std::string box;
    const Error why = damaged();
    if (!read(length, 4)) return why;
    const uint64_t size = number_in(length);
    if (size > backup_box_bytes_max || !read(box, size)) return why;
    const auto nonce = nonce_of(block_number_++);
    if (!box.starts_with(as_text(nonce))) return why;
    const auto plain = unseal(key_, as_bytes(box));
    if (!plain || plain->empty()) return why;
    const uint8_t kind = plain->front();
    block_.assign(as_text(*plain).substr(1));
    rest_ = block_;
    if (kind == kRecords) return {};
    if (kind != kEnd || !rest_.empty()) return why;
    is_whole_ = true;
    if (std::fgetc(file_.get()) == EOF) return {};
    return wrong(ErrorCode::Malformed, "something follows the end of the backup");
}

Result<std::optional<store::BackupRecord>> BackupFile::next() {
    while (rest_.empty() && !is_whole_) TRY(read_block());
    auto record = store::next_record(rest_);
    if (record.has_value()) return record;
    if (record.error().code != ErrorCode::Unsupported) return damaged();
    return wrong(ErrorCode::Unsupported,
                 "the backup holds what this program does not know: use a newer tandemd");
}

}  // namespace tandem::app
