package clockwire;

import java.rmi.Remote;
import java.rmi.RemoteException;
import java.util.List;

/** The common service. */
public interface ItemService extends Remote {
    Item get(long id) throws RemoteException, NotFoundException;

    List<Item> list(int page, int size) throws RemoteException;

    long create(Item item) throws RemoteException;
}
