package clockwire;

/** There is no such item. */
public class NotFoundException extends Exception {
    private static final long serialVersionUID = 1L;
    long id;

    public NotFoundException(long id) {
        super("no item " + id);
        this.id = id;
    }
}
