package clockwire;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/** The common service's item. */
public class Item implements Serializable {
    private static final long serialVersionUID = 1L;
    long id;
    String name;
    long priceCents;
    int stock;
    List<String> tags = new ArrayList<>();

    @Override
    public boolean equals(Object other) {
        return other instanceof Item && other.toString().equals(toString());
    }

    @Override
    public int hashCode() {
        return Long.hashCode(id);
    }

    @Override
    public String toString() {
        return id + "|" + name + "|" + priceCents + "|" + stock + "|" + tags;
    }
}
