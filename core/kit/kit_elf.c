/* What a shared object exports, read from its file: before any of its code runs. */
#include "kit.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file of unknown origin: each offset in it is checked before it is followed. */
struct image {
    const unsigned char *bytes;
    size_t len;
};

static const void *at(const struct image *image, uint64_t offset, uint64_t size)
{
    if (offset > image->len || size > image->len - offset || offset % 8 != 0)
        return NULL;
    return image->bytes + offset;
}

static const Elf64_Shdr *section_of(const struct image *image, uint32_t type)
{
    const Elf64_Ehdr *head = at(image, 0, sizeof(*head));

    for (uint16_t i = 0; head && i < head->e_shnum; i++) {
        const Elf64_Shdr *section =
            at(image, head->e_shoff + (uint64_t)i * head->e_shentsize, sizeof(*section));

        if (section && section->sh_type == type)
            return section;
    }
    return NULL;
}

static const Elf64_Shdr *section_at(const struct image *image, uint32_t index)
{
    const Elf64_Ehdr *head = at(image, 0, sizeof(*head));

    return at(image, head->e_shoff + (uint64_t)index * head->e_shentsize, sizeof(Elf64_Shdr));
}

static bool is_exported(const Elf64_Sym *symbol)
{
    unsigned char bind = ELF64_ST_BIND(symbol->st_info);
    unsigned char visibility = ELF64_ST_VISIBILITY(symbol->st_other);

    return symbol->st_shndx != SHN_UNDEF && symbol->st_name != 0 && bind != STB_LOCAL &&
           (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

static char *names_of(const struct image *image)
{
    const Elf64_Shdr *table = section_of(image, SHT_DYNSYM);
    const Elf64_Shdr *strings = table ? section_at(image, table->sh_link) : NULL;
    char *names = NULL;
    size_t size = 0;
    FILE *to;

    if (!strings || strings->sh_offset > image->len ||
        strings->sh_size > image->len - strings->sh_offset)
        return NULL;
    to = open_memstream(&names, &size);
    if (!to)
        return NULL;
    for (uint64_t i = 0; i < table->sh_size / sizeof(Elf64_Sym); i++) {
        const Elf64_Sym *symbol =
            at(image, table->sh_offset + i * sizeof(Elf64_Sym), sizeof(*symbol));
        const char *name;

        if (!symbol || !is_exported(symbol) || symbol->st_name >= strings->sh_size)
            continue;
        name = (const char *)image->bytes + strings->sh_offset + symbol->st_name;
        fprintf(to, "%.*s\n", (int)strnlen(name, strings->sh_size - symbol->st_name), name);
    }
    fclose(to);
    return names;
}

char *kit_exports(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *names = NULL;
    struct image image;
    struct stat st;
    void *bytes;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(Elf64_Ehdr))
        goto close_file;
    bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        goto close_file;
    image = (struct image){bytes, (size_t)st.st_size};
    if (memcmp(image.bytes, ELFMAG, SELFMAG) == 0 && image.bytes[EI_CLASS] == ELFCLASS64)
        names = names_of(&image);
    munmap(bytes, (size_t)st.st_size);
close_file:
    close(fd);
    return names;
}
