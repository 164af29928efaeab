package clockwire;

import java.util.ArrayList;
import java.util.List;

/** What all sides agree on, and the service itself. */
public class Sample implements ItemService {
    static final long ID = 5_000_000_007L;
    static final long CREATED = 5_000_000_008L;
    static final long MISSING = 5_000_000_009L;

    static Item item(long id) {
        Item item = new Item();
        item.id = id;
        item.name = "K\u00e4se 10 \u20ac";
        item.priceCents = 12_345_678_901L;
        item.tags.add("dairy");
        item.tags.add("\u00f6");
        item.stock = 12;
        return item;
    }

    static Item plain(long id) {
        Item item = new Item();
        item.id = id;
        item.name = "item " + id;
        item.priceCents = 995 + id * 100 % 10_000;
        item.tags.add("sample");
        item.tags.add("shelf-" + id % 8);
        item.stock = (int) (id % 50);
        return item;
    }

    @Override
    public Item get(long id) throws NotFoundException {
        if (id != ID) {
            throw new NotFoundException(id);
        }
        return item(id);
    }

    @Override
    public List<Item> list(int page, int size) {
        List<Item> items = new ArrayList<>();
        for (long id = (long) page * size; id < (page + 1L) * size; id++) {
            items.add(plain(id));
        }
        return items;
    }

    @Override
    public long create(Item item) {
        same(item(ID), item);
        return CREATED;
    }

    static void same(Object expected, Object got) {
        if (!expected.equals(got)) {
            throw new IllegalStateException("expected " + expected + ", got " + got);
        }
    }

    /** Calls everything and looks at every answer. */
    static void tryAll(ItemService service) throws Exception {
        same(item(ID), service.get(ID));
        try {
            service.get(MISSING);
            throw new IllegalStateException("a missing item was found");
        } catch (NotFoundException missing) {
            same(MISSING, missing.id);
            same("no item " + MISSING, missing.getMessage());
        }
        same(new Sample().list(0, 3), service.list(0, 3));
        same(CREATED, service.create(item(ID)));
    }
}
